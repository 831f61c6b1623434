import * as z from 'zod/mini';

/** JSON-RPC 2.0 as it goes over `POST /rpc`: reading requests, forming answers. Knows no method. */

export const errorCodes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  scope: -32001,
  alreadyDone: -32002,
  forgeUnavailable: -32003,
  forgeRefused: -32004,
  tooManyCalls: -32005,
  forgeNotFound: -32006,
  forgeDenied: -32007,
  budgetSpent: -32008,
} as const;

/** What a failed call is answered with. The message tells the agent what to do. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  /** `name` is a word to branch on; `reason` says what happened, in a sentence. */
  readonly data: { readonly name: string; readonly reason: string };
  constructor(code: number, name: string, message: string, reason = message) {
    super(message);
    this.code = code;
    this.data = { name, reason };
  }
}

export interface RpcCall {
  readonly method: string;
  /** By name or by position; undefined when left out. */
  readonly params: Readonly<Record<string, unknown>> | readonly unknown[] | undefined;
  /** Undefined for a notification, which is carried out and not answered. */
  readonly id: RpcId | undefined;
}

export type RpcId = string | number | null;

export type RpcResponse =
  | { readonly jsonrpc: '2.0'; readonly id: RpcId; readonly result: unknown }
  | {
      readonly jsonrpc: '2.0';
      readonly id: RpcId;
      readonly error: { readonly code: number; readonly message: string; readonly data: unknown };
    };

/** A request's body as it was understood: each element a call, or why it is none. */
export interface RpcRequest {
  readonly batch: boolean;
  readonly calls: readonly (RpcCall | RpcError)[];
}

const maxBatch = 50;

const callSchema = z.object({
  jsonrpc: z.literal('2.0'),
  method: z.string(),
  params: z.optional(z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())])),
  id: z.optional(z.union([z.string(), z.number(), z.null()])),
});

/** Reads a body. What is wrong with it as a whole is the one element of `calls`. */
export function parseRpcRequest(text: string): RpcRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return failed(
      new RpcError(
        errorCodes.parse,
        'ParseError',
        'The body is not JSON. Send one JSON-RPC 2.0 request.',
      ),
    );
  }
  if (!Array.isArray(value)) {
    return { batch: false, calls: [parseCall(value)] };
  }
  if (value.length === 0 || value.length > maxBatch) {
    return failed(
      new RpcError(
        errorCodes.invalidRequest,
        'InvalidRequest',
        `A batch has 1 to ${maxBatch} calls, this one has ${value.length}.`,
      ),
    );
  }
  return { batch: true, calls: value.map(parseCall) };
}

export function resultResponse(id: RpcId, result: unknown): RpcResponse {
  return { jsonrpc: '2.0', id, result };
}

export function errorResponse(id: RpcId, { code, message, data }: RpcError): RpcResponse {
  return { jsonrpc: '2.0', id, error: { code, message, data } };
}

function parseCall(value: unknown): RpcCall | RpcError {
  const parsed = callSchema.safeParse(value);
  if (!parsed.success) {
    return new RpcError(
      errorCodes.invalidRequest,
      'InvalidRequest',
      'Not a JSON-RPC 2.0 request: send {"jsonrpc":"2.0","id":1,"method":"read_issue","params":{"number":1}}.',
    );
  }
  const { method, params, id } = parsed.data;
  return { method, params, id };
}

function failed(error: RpcError): RpcRequest {
  return { batch: false, calls: [error] };
}
