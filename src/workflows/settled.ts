import { ActivityFailure, ApplicationFailure, condition } from '@temporalio/workflow';

/** What is known of a promise now. */
export type Settled<T> =
  | { state: 'pending' }
  | { state: 'resolved'; value: T }
  | { state: 'rejected'; error: unknown };

/** Follows a promise, whose state can be asked for from then on. */
export function settled<T>(promise: Promise<T>): Settled<T> {
  const watched = { state: 'pending' } as Settled<T>;
  promise.then(
    (value) => Object.assign(watched, { state: 'resolved', value }),
    (error: unknown) => Object.assign(watched, { state: 'rejected', error }),
  );
  return watched;
}

/** @throws what it was rejected with */
export function valueOf<T>(promise: Settled<T>): T {
  if (promise.state !== 'resolved') {
    throw promise.state === 'rejected' ? promise.error : new Error('not settled');
  }
  return promise.value;
}

/**
 * Waits for something to become true, at most until `dueAt` if that is given. False when the time came first.
 * @param summary of the timer, in Temporal's UI
 */
export async function until(
  dueAt: number | undefined,
  becomesTrue: () => boolean,
  summary: string,
): Promise<boolean> {
  if (dueAt === undefined) {
    await condition(becomesTrue);
    return true;
  }
  const remaining = dueAt - Date.now();
  if (becomesTrue() || remaining <= 0) {
    return becomesTrue();
  }
  return await condition(becomesTrue, remaining, { summary });
}

/** What an activity failed of: its type as the activity named it, and its message. */
export function failureOf(promise: Settled<unknown>): {
  type: string | undefined;
  message: string;
} {
  const error = promise.state === 'rejected' ? promise.error : undefined;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return {
    type: cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined,
    message: cause instanceof Error ? cause.message : String(cause),
  };
}
