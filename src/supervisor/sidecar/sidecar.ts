import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LaunchRequest } from '../../bottles/host.ts';
import { ForgeScopeError } from '../../domain/errors.ts';
import type { Done } from '../../domain/run.ts';
import type { Forge } from '../../forges/forge.ts';
import { OperationBudgetError } from '../operation-log.ts';
import type { OperationCall, OperationLog } from '../operation-log.ts';
import { describeArguments } from './call-arguments.ts';
import { AlreadyDoneError, toRpcError } from './call-error.ts';
import { isMethod, isWrite, parseMethodCall } from './methods.ts';
import type { MethodCall } from './methods.ts';
import { RpcError, errorCodes, errorResponse, parseRpcRequest, resultResponse } from './rpc.ts';
import type { RpcCall, RpcResponse } from './rpc.ts';
import { rpcPath } from './rpc-path.ts';
import { createScopedForge } from './scoped-forge.ts';
import { createThrottle } from './throttle.ts';

export { rpcPath };

export interface SidecarOptions {
  readonly launch: LaunchRequest;
  readonly operations: OperationLog;
  /** Called once, when the agent signals that it is done; the agent is answered when it resolves. */
  readonly onDone: (done: Done) => Promise<void>;
  /** Called when the PR of this life is opened or found, before the agent hears of it. */
  readonly onPullRequest: (number: number) => Promise<void>;
  /** Called with the id of each comment that the forge has taken, before the agent hears of it. */
  readonly onComment: (id: number) => Promise<void>;
  /** Called for every request: a check-in. */
  readonly onCall: () => void;
}

/** The bottle's only door to the forge: JSON-RPC 2.0 on `POST /rpc`. Every call is one entry of the op log. */
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
  const { operations } = options;
  let forge: Forge | undefined;
  let done: Done | undefined;
  const scoped = createScopedForge({
    launch: options.launch,
    forge: () => forge,
    onPullRequest: options.onPullRequest,
    onComment: options.onComment,
  });
  const throttle = createThrottle({ inFlight: maxInFlight, perSecond: maxCallsPerSecond });
  const refusals = createRefusalRecord(operations);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    options.onCall();
    if (request.url !== rpcPath || request.method !== 'POST') {
      const status = request.url === rpcPath ? 405 : 404;
      sendText(response, status, `Nothing here: POST a JSON-RPC 2.0 request to ${rpcPath}.\n`);
      return;
    }
    await admit(request, response).catch(() => {
      response.destroy();
    });
  }

  async function admit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!throttle.enter()) {
      request.resume();
      sendJson(response, 429, errorResponse(null, await refusals.add()));
      return;
    }
    try {
      await answer(request, response);
    } finally {
      throttle.leave();
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readBody(request);
    if (text === undefined) {
      const error = new RpcError(
        errorCodes.invalidRequest,
        'TooLarge',
        `The request is larger than ${maxBodyBytes} bytes. Send less.`,
      );
      await record(undefined, error);
      response.setHeader('connection', 'close');
      sendJson(response, 413, errorResponse(null, error));
      return;
    }
    const { batch, calls } = parseRpcRequest(text);
    if (!throttle.spend(calls.length)) {
      sendJson(response, 429, errorResponse(null, await refusals.add()));
      return;
    }
    const responses: RpcResponse[] = [];
    for (const call of calls) {
      const answered = await answerCall(call);
      if (answered !== undefined) {
        responses.push(answered);
      }
    }
    if (responses.length === 0) {
      response.writeHead(204).end();
    } else {
      sendJson(response, 200, batch ? responses : responses[0]);
    }
  }

  async function answerCall(call: RpcCall | RpcError): Promise<RpcResponse | undefined> {
    if (call instanceof RpcError) {
      await record(undefined, call);
      return errorResponse(null, call);
    }
    try {
      const result = await perform(call);
      return call.id === undefined ? undefined : resultResponse(call.id, result);
    } catch (error) {
      return call.id === undefined ? undefined : errorResponse(call.id, toRpcError(error));
    }
  }

  /** Carries out one call between the two halves of its entry in the op log. */
  async function perform(call: RpcCall): Promise<unknown> {
    let checked: MethodCall;
    try {
      checked = parseMethodCall(call);
      requireNotDone(checked);
    } catch (error) {
      await record(call, error);
      throw error;
    }
    if (checked.method === 'signal_done') {
      // At once, so that a second one is refused however long this one takes to be recorded.
      done = checked.params;
    }
    try {
      return await performChecked(call, checked);
    } catch (error) {
      if (checked.method === 'signal_done') {
        done = undefined;
      }
      throw error;
    }
  }

  async function performChecked(call: RpcCall, checked: MethodCall): Promise<unknown> {
    const operation = await operations.begin(describeCall(call, checked));
    let result: unknown;
    try {
      result = await carryOut(checked);
    } catch (error) {
      const outcome = error instanceof ForgeScopeError ? 'rejected' : 'error';
      await operation.finish(outcome, reasonOf(error));
      throw error;
    }
    await operation.finish('ok');
    return result;
  }

  function requireNotDone({ method }: MethodCall): void {
    if (done !== undefined && isWrite(method)) {
      throw new AlreadyDoneError(
        `you have called signal_done with ${done.status} already, ${method} was not carried out`,
      );
    }
  }

  async function carryOut({ method, params }: MethodCall): Promise<unknown> {
    switch (method) {
      case 'read_issue':
        return scoped.readIssue(params.number);
      case 'read_pr':
        return scoped.readPullRequest(params.number);
      case 'read_comments':
        return scoped.readComments(params.number);
      case 'post_comment':
        return scoped.postComment(params.number, params.body);
      case 'update_description':
        return scoped.updateDescription(params.number, params.body);
      case 'open_pr':
        return scoped.openPullRequest(params.title, params.body);
      case 'signal_done':
        await options.onDone(params);
        return params;
    }
  }

  /** The entry of a call that came to nothing before it began. */
  async function record(call: RpcCall | undefined, error: unknown): Promise<void> {
    await recordRefusal(operations, describeCall(call, undefined), reasonOf(error));
  }

  function describeCall(call: RpcCall | undefined, checked: MethodCall | undefined): OperationCall {
    const method = call === undefined || !isMethod(call.method) ? 'unknown' : call.method;
    return {
      operation: method,
      target: checked === undefined ? '' : targetOf(checked, options.launch.branch),
      ...describeArguments(method === 'unknown' ? { method: call?.method } : (call?.params ?? {})),
      write: checked !== undefined && isWrite(checked.method),
    };
  }

  return {
    handle,
    setForge(next) {
      forge = next;
    },
  };
}

function targetOf(call: MethodCall, branch: string): string {
  switch (call.method) {
    case 'signal_done':
      return '';
    case 'open_pr':
      return branch;
    case 'read_issue':
    case 'read_pr':
    case 'read_comments':
    case 'post_comment':
    case 'update_description':
      return `#${call.params.number}`;
  }
}

/** What was refused anyway is refused for its own reason, also when it cannot be recorded any more. */
async function recordRefusal(
  operations: OperationLog,
  call: OperationCall,
  reason: string,
): Promise<void> {
  try {
    const operation = await operations.begin(call);
    await operation.finish('rejected', reason);
  } catch (error) {
    if (!(error instanceof OperationBudgetError)) throw error;
  }
}

/** Refused floods in the op log: at most one entry a second, with how many there were since the one before. */
function createRefusalRecord(operations: OperationLog): { add(): Promise<RpcError> } {
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
        const call = {
          operation: 'unknown',
          target: '',
          ...describeArguments({}),
          write: false,
        } as const;
        await recordRefusal(operations, call, reason);
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

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 500) : 'unknown';
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
