import type { ForgeSetup, Hook, Place } from '../forges/forge-setup.ts';
import { waitForDelivery, type DeliveryWatch } from './delivery-watch.ts';
import { newTest, testUrl } from './webhook-url.ts';

/** What came of having the forge deliver to a webhook. */
export type RoundTrip =
  | { readonly outcome: 'arrived' }
  /** The way is open, and the orchestrator turned it away: with 401 the secrets differ. */
  | { readonly outcome: 'refused'; readonly status: number; readonly reason: string | undefined }
  | { readonly outcome: 'missing' }
  /** The forge has nothing that it could deliver. */
  | { readonly outcome: 'untestable' };

export interface RoundTripOptions {
  readonly watch: DeliveryWatch;
  readonly signal: AbortSignal;
  readonly patienceMs?: number;
}

/**
 * Gitea's queue is looked at every 2 s at the latest, and a receiver that does not answer holds all others up for 5 s.
 */
export const deliveryPatienceMs = 12_000;

/** Has the forge deliver one event to the hook, and waits for it. The hook is then what it was before, in any case. */
export async function makeRoundTrip(
  forge: ForgeSetup,
  place: Place,
  hook: Hook,
  { watch, signal, patienceMs = deliveryPatienceMs }: RoundTripOptions,
): Promise<RoundTrip> {
  const test = newTest();
  await using delivery = await forge.testHook(place, hook.id, testUrl(hook.url, test));
  if (delivery === undefined) {
    return { outcome: 'untestable' };
  }
  const found = await waitForDelivery(watch, test, { patienceMs, signal });
  if (found === undefined) {
    return { outcome: 'missing' };
  }
  return found.accepted ? { outcome: 'arrived' } : { outcome: 'refused', ...found };
}
