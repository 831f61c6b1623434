/** How long something may take. */
export interface Limits {
  readonly timeLimitMs: number;
  /** Gives it up before. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Ends the work when its time is over, and does not wait for it, whether or not it heeds the signal.
 * @throws TooSlowError then, what `limits.signal` is aborted with, and what the work throws
 */
export async function limited<T>(
  { timeLimitMs, signal }: Limits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const over = Promise.withResolvers<never>();
  const end = (reason: unknown): void => {
    over.reject(reason);
    limit.abort(reason);
  };
  const timer = setTimeout(
    () => end(new TooSlowError(`no answer within ${timeLimitMs / 1000} s`)),
    timeLimitMs,
  );
  const onAbort = (): void => end(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(limit.signal), over.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

export class TooSlowError extends Error {
  override readonly name = 'TooSlowError';
}
