import { setTimeout as delay } from 'node:timers/promises';

const PROBE_EVERY_MS = 100;

/**
 * Probes until there is an answer. Rejects when that takes longer than `timeoutMs`, naming what was waited for, and with the
 * signal's reason when it is aborted.
 */
export async function waitUntil<T>(
  what: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await probe();
    if (answer !== undefined) {
      return answer;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${String(timeoutMs / 1000)} s for ${what}, in vain`);
    }
    // Woken by the signal, whose reason the next turn throws.
    await delay(PROBE_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Rejects as soon as the signal is aborted, whatever comes of the work. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
