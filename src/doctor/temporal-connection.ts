import { Connection } from '@temporalio/client';
import type { TemporalConfig } from '../config/temporal.ts';

/** Less than a check has, so that it can still say why. */
const answerMs = 5_000;

/** Works with a connection of its own, and closes it. @throws what gRPC says when there is no answer in time */
export async function withTemporal<T>(
  { connectionOptions }: TemporalConfig,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = Connection.lazy(connectionOptions);
  try {
    return await connection.withAbortSignal(signal, async () => {
      // Before anything else, because a call that is refused a connection waits for one all of its time.
      await connection.withDeadline(Date.now() + answerMs, () =>
        connection.workflowService.getSystemInfo({}),
      );
      return await work(connection);
    });
  } finally {
    await connection.close();
  }
}
