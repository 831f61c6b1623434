import { STATUS_CODES } from 'node:http';
import { z } from 'zod';

/** An error as a client sees it: problem details, RFC 9457. */
export const problemView = z
  .object({
    type: z
      .string()
      .meta({ description: 'Always `about:blank`: the status says what kind it is.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional().meta({ description: 'What is wrong, and what to do about it.' }),
    requestId: z.string().meta({ description: 'Finds the request in the log.' }),
    errors: z
      .array(z.object({ at: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'For status 400: the fields that are wrong.' }),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problemView>;

export const problemMediaType = 'application/problem+json';

export function problem(
  status: number,
  requestId: string,
  more: Pick<Problem, 'detail' | 'errors'> = {},
): Problem {
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    ...more,
    requestId,
  };
}

/** Thrown by a route: the answer is a problem with this status and the message as its detail. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** The `response` of a route's schema for errors. */
export function problems<const Status extends number>(
  ...statuses: Status[]
): Record<Status, ProblemResponse> {
  const responses: Partial<Record<Status, ProblemResponse>> = {};
  for (const status of statuses) {
    const description: string = STATUS_CODES[status as number] ?? 'Error';
    responses[status] = { description, content: { [problemMediaType]: { schema: problemView } } };
  }
  return responses as Record<Status, ProblemResponse>;
}

interface ProblemResponse {
  readonly description: string;
  readonly content: Record<string, { readonly schema: typeof problemView }>;
}
