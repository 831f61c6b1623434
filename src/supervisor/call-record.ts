import type { SidecarCall } from '../bottles/backend.ts';
import type { Done } from '../domain/run.ts';
import { OperationBudgetError, type OperationLog } from './operation-log.ts';
import { describeArguments } from '../journal/call-arguments.ts';

export interface CallRecordOptions {
  readonly operations: OperationLog;
  /** Called once, with the first word of it. */
  readonly onDone: (done: Done) => Promise<void>;
  readonly onPullRequest: (number: number) => Promise<void>;
  readonly onComment: (id: number) => Promise<void>;
  /** A check-in. */
  readonly onCall: () => void;
}

/** Records what a sidecar that is not ours did: each call as one entry of the op log, and what is to be known of it besides. */
export function createCallRecord(options: CallRecordOptions): (call: SidecarCall) => Promise<void> {
  const { operations, onDone, onPullRequest, onComment, onCall } = options;
  let isDone = false;

  async function log(call: SidecarCall): Promise<void> {
    const { operation, target, outcome, reason } = call;
    // It was carried out already: only the end of the work is owed its entry whatever was before.
    const write = call.done !== undefined;
    const described = { operation, target, ...describeArguments(call.arguments), write };
    try {
      await (await operations.begin(described)).finish(outcome, reason);
    } catch (error) {
      if (!(error instanceof OperationBudgetError)) throw error;
    }
  }

  return async (call) => {
    onCall();
    // First what may be told twice: a call that could not be recorded to its end is told again.
    if (call.pullRequest !== undefined) await onPullRequest(call.pullRequest);
    if (call.comment !== undefined) await onComment(call.comment);
    if (call.done !== undefined && !isDone) {
      await onDone(call.done);
      isDone = true;
    }
    await log(call);
  };
}
