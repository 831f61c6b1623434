import { setTimeout as delay } from 'node:timers/promises';

/** Sees what the forge delivers: the running orchestrator, or whoever listens in its place for a moment. */
export interface DeliveryWatch extends AsyncDisposable {
  /** The last delivery whose URL had the query parameter `test`; undefined while there is none. */
  find(test: string): Promise<Sighting | undefined>;
}

export interface Sighting {
  /** False: it arrived and was turned away, because of a wrong signature for example. */
  readonly accepted: boolean;
  readonly status: number;
  readonly reason: string | undefined;
}

export const lookEveryMs = 150;

/** Undefined when nothing has arrived in time. @throws what `signal` is aborted with */
export async function waitForDelivery(
  watch: DeliveryWatch,
  test: string,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<Sighting | undefined> {
  for (const end = Date.now() + patienceMs; Date.now() < end;) {
    const found = await watch.find(test);
    if (found !== undefined) {
      return found;
    }
    await delay(lookEveryMs, undefined, { signal });
  }
  return undefined;
}
