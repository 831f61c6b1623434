import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Forge } from '../../forges/forge.ts';
import { reasonOf, toRpcError } from './call-error.ts';
import { createCalls } from './calls.ts';
import type { Calls, CallsOptions } from './calls.ts';
import type { Dialect } from './dialect.ts';
import { mcpPath, rpcPath } from './door-paths.ts';
import { createMcpDialect } from './mcp.ts';
import { RpcError, errorCodes, errorResponse, parseRpcRequest, resultResponse } from './rpc.ts';
import type { RpcCall, RpcId, RpcResponse } from './rpc.ts';
import { createThrottle } from './throttle.ts';

export { mcpPath, rpcPath };

export interface SidecarOptions extends CallsOptions {
  /** Called for every request: a check-in. */
  readonly onCall: () => void;
}

/**
 * The bottle's only door to the forge: JSON-RPC 2.0 on `POST /rpc`, where a method is a call, and MCP on `POST /mcp`, where
 * a tool is one. Bounds, calls and op log are the same for both.
 */
export interface Sidecar {
  /** Answers one HTTP request. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Replaces the forge; until the first call everything that needs it is answered as unavailable. */
  setForge(forge: Forge): void;
}

const maxBodyBytes = 1024 * 1024;
const maxInFlight = 16;
const maxCallsPerSecond = 100;

export function createSidecar(options: SidecarOptions): Sidecar {
  const calls = createCalls(options);
  const dialects: ReadonlyMap<string | undefined, Dialect> = new Map([
    [rpcPath, { perform: calls.perform, refusal: () => undefined, silentStatus: 204 }],
    [mcpPath, createMcpDialect(calls)],
  ]);
  const throttle = createThrottle({ inFlight: maxInFlight, perSecond: maxCallsPerSecond });
  const refusals = createRefusalRecord(calls);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    options.onCall();
    const dialect = dialects.get(request.url);
    if (dialect === undefined || request.method !== 'POST') {
      const places = [...dialects.keys()].join(' or ');
      response.setHeader('allow', 'POST');
      sendText(
        response,
        dialect === undefined ? 404 : 405,
        `Nothing here: POST JSON-RPC 2.0 to ${places}.\n`,
      );
      return;
    }
    if (isFromWebPage(request)) {
      sendText(response, 403, 'Web pages may not call the sidecar.\n');
      return;
    }
    await admit(dialect, request, response).catch(() => {
      response.destroy();
    });
  }

  async function admit(
    dialect: Dialect,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (!throttle.enter()) {
      request.resume();
      sendJson(response, 429, errorResponse(null, await refusals.add()));
      return;
    }
    try {
      await answer(dialect, request, response);
    } finally {
      throttle.leave();
    }
  }

  async function answer(
    dialect: Dialect,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const text = await readBody(request);
    if (text === undefined) {
      const error = new RpcError(
        errorCodes.invalidRequest,
        'TooLarge',
        `The request is larger than ${maxBodyBytes} bytes. Send less.`,
      );
      await calls.recordRefusal(reasonOf(error));
      response.setHeader('connection', 'close');
      sendJson(response, 413, errorResponse(null, error));
      return;
    }
    const refusal = dialect.refusal(request.headers);
    if (refusal !== undefined) {
      sendJson(response, 400, errorResponse(null, refusal));
      return;
    }
    const { batch, calls: said } = parseRpcRequest(text);
    if (!throttle.spend(said.length)) {
      sendJson(response, 429, errorResponse(onlyId(said), await refusals.add()));
      return;
    }
    const responses: RpcResponse[] = [];
    for (const call of said) {
      const answered = await answerCall(dialect, call);
      if (answered !== undefined) {
        responses.push(answered);
      }
    }
    if (responses.length === 0) {
      response.writeHead(dialect.silentStatus).end();
    } else {
      sendJson(response, 200, batch ? responses : responses[0]);
    }
  }

  async function answerCall(
    dialect: Dialect,
    call: RpcCall | RpcError,
  ): Promise<RpcResponse | undefined> {
    if (call instanceof RpcError) {
      await calls.recordRefusal(reasonOf(call));
      return errorResponse(null, call);
    }
    try {
      const result = await dialect.perform(call);
      return call.id === undefined ? undefined : resultResponse(call.id, result);
    } catch (error) {
      return call.id === undefined ? undefined : errorResponse(call.id, toRpcError(error));
    }
  }

  return { handle, setForge: calls.setForge };
}

/** Browsers say so. No page is ours, and one from outside would reach us by a name that it resolves to the loopback address. */
function isFromWebPage({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined;
}

/** The id of a request that is one call, to which its refusal belongs. */
function onlyId([call, ...more]: readonly (RpcCall | RpcError)[]): RpcId {
  return call === undefined || call instanceof RpcError || more.length > 0
    ? null
    : (call.id ?? null);
}

/** Refused floods in the op log: at most one entry a second, with how many there were since the one before. */
function createRefusalRecord(calls: Calls): { add(): Promise<RpcError> } {
  const error = new RpcError(
    errorCodes.tooManyCalls,
    'TooManyCalls',
    `Too many calls: at most ${maxInFlight} at once and ${maxCallsPerSecond} a second. Wait a second, then go on more slowly.`,
  );
  let refused = 0;
  let recordedAt = -Infinity;
  return {
    async add() {
      refused++;
      if (performance.now() - recordedAt >= 1000) {
        const reason = `${refused} calls refused: too many`;
        recordedAt = performance.now();
        refused = 0;
        await calls.recordRefusal(reason);
      }
      return error;
    },
  };
}

/** The body as text, or undefined when it is too large; then the rest is read and thrown away. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > maxBodyBytes) {
      request.resume();
      return undefined;
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
