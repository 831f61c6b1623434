import * as z from 'zod/mini';
import { doneStatuses } from '../../domain/run.ts';
import type { SidecarMethod } from '../../domain/operation.ts';
import { RpcError, errorCodes } from './rpc.ts';
import type { RpcCall } from './rpc.ts';

/**
 * The sidecar's methods and their parameters. `zod/mini`: 0.6 MiB and 2 ms per supervisor, a quarter of what all of
 * zod costs.
 */

export const maxSummaryBytes = 4 * 1024;
export const maxTitleCharacters = 255;

const number = z.int({ error: 'must be a whole number' }).check(z.positive('must be positive'));

/** Nothing that a forge cannot store, and nothing that paints a reader's terminal. */
const text = z
  .string({ error: 'must be text' })
  .check(
    z.refine((value) => !/[^\P{Cc}\t\n\r]/u.test(value), 'has a control character: leave it out'),
  );

const body = text.check(z.refine((value) => value.trim() !== '', 'must not be empty'));

const title = body.check(
  z.maxLength(maxTitleCharacters, `must have at most ${maxTitleCharacters} characters`),
  z.refine((value) => !/[\r\n]/.test(value), 'must be one line'),
);

/** By name, with the parameters in the order in which they may be given. */
export const methodSchemas = {
  read_issue: z.strictObject({ number }),
  read_pr: z.strictObject({ number }),
  read_comments: z.strictObject({ number }),
  post_comment: z.strictObject({ number, body }),
  update_description: z.strictObject({ number, body: text }),
  open_pr: z.strictObject({ title, body: text }),
  signal_done: z.strictObject({
    status: z.enum(doneStatuses, { error: `must be one of ${doneStatuses.join(', ')}` }),
    summary: body.check(
      z.refine(
        (value) => Buffer.byteLength(value) <= maxSummaryBytes,
        `must have at most ${maxSummaryBytes} bytes`,
      ),
    ),
  }),
} satisfies Record<SidecarMethod, z.ZodMiniObject>;

export type MethodCall = {
  [M in SidecarMethod]: { readonly method: M; readonly params: z.infer<(typeof methodSchemas)[M]> };
}[SidecarMethod];

const writes: ReadonlySet<SidecarMethod> = new Set([
  'post_comment',
  'update_description',
  'open_pr',
  'signal_done',
]);

/** True for what changes the forge or ends the run. */
export function isWrite(method: SidecarMethod): boolean {
  return writes.has(method);
}

export function isMethod(name: string): name is SidecarMethod {
  return Object.hasOwn(methodSchemas, name);
}

/** Checks a call's name and parameters. @throws RpcError that names the parameter and its problem */
export function parseMethodCall({
  method,
  params,
}: Pick<RpcCall, 'method' | 'params'>): MethodCall {
  if (!isMethod(method)) {
    throw new RpcError(
      errorCodes.methodNotFound,
      'MethodNotFound',
      `There is no method of that name. There are ${Object.keys(methodSchemas).join(', ')}.`,
    );
  }
  const schema = methodSchemas[method];
  const names = Object.keys(schema.shape);
  const named = Array.isArray(params)
    ? Object.fromEntries(
        params.map((value: unknown, index) => [names[index] ?? `#${index + 1}`, value]),
      )
    : (params ?? {});
  const parsed = schema.safeParse(named);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(describeIssue).join('; ');
    throw new RpcError(
      errorCodes.invalidParams,
      'InvalidParams',
      `${method}(${names.join(', ')}): ${problems}.`,
    );
  }
  return { method, params: parsed.data } as MethodCall;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return `${issue.keys.map((key) => JSON.stringify(key.slice(0, 40))).join(', ')} is not a parameter`;
  }
  return `${issue.path.join('.')} ${issue.message}`;
}
