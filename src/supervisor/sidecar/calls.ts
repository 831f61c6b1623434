import type { LaunchRequest } from '../../bottles/host.ts';
import { ForgeScopeError } from '../../domain/errors.ts';
import type { Done } from '../../domain/run.ts';
import type { Forge } from '../../forges/forge.ts';
import { OperationBudgetError } from '../operation-log.ts';
import type { OperationCall, OperationLog } from '../operation-log.ts';
import { describeArguments } from '../../journal/call-arguments.ts';
import { AlreadyDoneError, reasonOf } from './call-error.ts';
import { isMethod, isWrite, parseMethodCall } from './methods.ts';
import type { MethodCall } from './methods.ts';
import type { RpcCall } from './rpc.ts';
import { createScopedForge } from './scoped-forge.ts';

type NamedCall = Pick<RpcCall, 'method' | 'params'>;

/** What an agent asks of the forge, however it was said: each call is one entry of the op log. */
export interface Calls {
  /** Checks one call and carries it out. @throws what `toRpcError` puts into words for the agent */
  perform(call: NamedCall): Promise<unknown>;
  /** The entry of what was refused before any call was found in it. */
  recordRefusal(reason: string): Promise<void>;
  /** Replaces the forge; until the first call everything that needs it is answered as unavailable. */
  setForge(forge: Forge): void;
}

export interface CallsOptions {
  readonly launch: LaunchRequest;
  readonly operations: OperationLog;
  /** Called once, when the agent signals that it is done; the agent is answered when it resolves. */
  readonly onDone: (done: Done) => Promise<void>;
  /** Called when the PR of this life is opened or found, before the agent hears of it. */
  readonly onPullRequest: (number: number) => Promise<void>;
  /** Called with the id of each comment that the forge has taken, before the agent hears of it. */
  readonly onComment: (id: number) => Promise<void>;
}

export function createCalls(options: CallsOptions): Calls {
  const { operations } = options;
  let forge: Forge | undefined;
  let done: Done | undefined;
  const scoped = createScopedForge({
    launch: options.launch,
    forge: () => forge,
    onPullRequest: options.onPullRequest,
    onComment: options.onComment,
  });

  async function perform(call: NamedCall): Promise<unknown> {
    let checked: MethodCall;
    try {
      checked = parseMethodCall(call);
      requireNotDone(checked);
    } catch (error) {
      await record(describeCall(call, undefined), reasonOf(error));
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

  /** Carries out one call between the two halves of its entry in the op log. */
  async function performChecked(call: NamedCall, checked: MethodCall): Promise<unknown> {
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

  function describeCall(call: NamedCall, checked: MethodCall | undefined): OperationCall {
    const method = isMethod(call.method) ? call.method : 'unknown';
    return {
      operation: method,
      target: checked === undefined ? '' : targetOf(checked, options.launch.branch),
      ...describeArguments(method === 'unknown' ? { method: call.method } : (call.params ?? {})),
      write: checked !== undefined && isWrite(checked.method),
    };
  }

  /**
   * The entry of a call that came to nothing before it began. What was refused anyway is refused for its own reason, also
   * when it cannot be recorded any more.
   */
  async function record(call: OperationCall, reason: string): Promise<void> {
    try {
      const operation = await operations.begin(call);
      await operation.finish('rejected', reason);
    } catch (error) {
      if (!(error instanceof OperationBudgetError)) throw error;
    }
  }

  return {
    perform,
    recordRefusal: (reason) =>
      record({ operation: 'unknown', target: '', ...describeArguments({}), write: false }, reason),
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
