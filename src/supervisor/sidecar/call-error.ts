import {
  ForgeDeniedError,
  ForgeMovedError,
  ForgeNotFoundError,
  ForgeRefusedError,
  ForgeScopeError,
  ForgeUnavailableError,
} from '../../domain/errors.ts';
import { OperationBudgetError } from '../operation-log.ts';
import { RpcError, errorCodes } from './rpc.ts';

/** The run is over as far as writing goes. */
export class AlreadyDoneError extends Error {
  override readonly name = 'AlreadyDoneError';
}

/** Why a call came to nothing, as the op log keeps it. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}`.slice(0, 500) : 'unknown';
}

const hopeless = 'You cannot mend that: call signal_done with blocked, and say so.';

/** What the agent is told when a call failed, and what it can do about it. Never where the forge is. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) {
    return error;
  }
  const { name, message } = error instanceof Error ? error : new Error('unknown');
  const reason = withoutAddresses(message);
  const answer = (code: number, advice: string): RpcError =>
    new RpcError(code, name, `${sentence(reason)} ${advice}`.trim(), reason);
  if (error instanceof ForgeScopeError) {
    return answer(errorCodes.scope, 'It was not sent. Leave it, and go on with your task.');
  }
  if (error instanceof AlreadyDoneError) {
    return answer(errorCodes.alreadyDone, 'Exit now.');
  }
  if (error instanceof OperationBudgetError) {
    return answer(errorCodes.budgetSpent, 'Only signal_done is taken: call it, and exit.');
  }
  if (error instanceof ForgeUnavailableError) {
    const seconds = error.retryAfterSeconds ?? 10;
    return answer(
      errorCodes.forgeUnavailable,
      `Make the same call again in ${seconds} seconds; it is not done twice.`,
    );
  }
  if (error instanceof ForgeNotFoundError) {
    return answer(
      errorCodes.forgeNotFound,
      'Check the number; an issue is read with read_issue, a pull request with read_pr.',
    );
  }
  if (error instanceof ForgeRefusedError) {
    return answer(
      errorCodes.forgeRefused,
      'Change what you send. Before open_pr, push at least one commit to your branch.',
    );
  }
  if (error instanceof ForgeDeniedError) {
    return answer(errorCodes.forgeDenied, hopeless);
  }
  if (error instanceof ForgeMovedError) {
    return answer(errorCodes.forgeRefused, hopeless);
  }
  return new RpcError(
    errorCodes.internal,
    'InternalError',
    'The sidecar failed: what you asked for may have happened, or not. Read before you try it again.',
  );
}

const maxReason = 300;

/** One line, without the forge's address and without what a proxy's error page may hold. */
function withoutAddresses(message: string): string {
  return message
    .replace(/\b[a-z][a-z+]*:\/\/\S+/gi, 'the forge')
    .replace(/\s+/g, ' ')
    .slice(0, maxReason)
    .toWellFormed();
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
