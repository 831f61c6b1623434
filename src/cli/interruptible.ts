import { ForgeError } from '../domain/errors.ts';
import { SetupStoppedError } from '../setup/progress.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { CancelledError } from './cancelled-error.ts';

/**
 * Lets Ctrl-C end work on the forge where it leaves nothing half done: what was only for a test is undone first. A second
 * Ctrl-C ends it at once.
 * @throws CliError for what stops it
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new CancelledError());
  process.once('SIGINT', stop);
  try {
    return await work(stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted || error instanceof CancelledError) {
      throw new CliError(
        exitCodes.interrupted,
        'Stopped. What was made stays, whole; run it again to go on from there.',
      );
    }
    if (error instanceof SetupStoppedError) {
      throw new CliError(exitCodes.checkFailed, error.message);
    }
    if (error instanceof ForgeError) {
      const { name } = error;
      throw new CliError(
        name === 'ForgeUnavailableError' ? exitCodes.unreachable : exitCodes.error,
        `The forge: ${error.message}`,
      );
    }
    throw error;
  } finally {
    process.off('SIGINT', stop);
  }
}
