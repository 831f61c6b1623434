import { setTimeout as delay } from 'node:timers/promises';
import type { ActivitySlotInfo, CustomSlotSupplier } from '@temporalio/worker';

/**
 * Slots of the launch worker: one is given while fewer supervisors live than the host's limit. So that Temporal is the
 * queue, a launch without a place is not even polled: it stays `Scheduled`, and cancels at once.
 *
 * A slot that was given to an idle poller may be one too many by the time a task comes: the activity checks again.
 * Make a new one for each worker.
 *
 * @param countSettled supervisors that live now and are not being launched, read from disk: a launch has a slot
 */
export function launchSlots(
  countSettled: () => Promise<number>,
  limit: number,
): CustomSlotSupplier<ActivitySlotInfo> {
  let held = 0;
  return {
    type: 'custom',
    async reserveSlot(_context, abortSignal) {
      while ((await countSettled()) + held >= limit) {
        await delay(pollMs, undefined, { signal: abortSignal }).catch(() => undefined);
        // The SDK tells a reservation that it gave up from a failure by the identity of the reason.
        abortSignal.throwIfAborted();
      }
      held++;
      return {};
    },
    // Eager tasks would pass the queue's order.
    tryReserveSlot: () => null,
    markSlotUsed: () => undefined,
    releaseSlot() {
      held--;
    },
  };
}

const pollMs = 100;
