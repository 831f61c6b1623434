import { heartbeat } from '@temporalio/activity';

const heartbeatMs = 1_000;

/** Heartbeats while `work` goes on: a worker that dies is noticed, and cancellation arrives. */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  const beat = setInterval(heartbeat, heartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
  }
}

/** The same activities, each with a heartbeat while it works. */
export function heartbeating<T extends { [K in keyof T]: (input: never) => Promise<unknown> }>(
  activities: T,
): T {
  const beating = Object.entries<(input: never) => Promise<unknown>>(activities).map(
    ([name, work]) => [name, (input: never) => withHeartbeat(() => work(input))],
  );
  return Object.fromEntries(beating) as T;
}
