import { z } from 'zod';
import type { DeliverySource, DeliveryState, ListedDelivery } from '../../store/store.ts';
import { isoTime, time } from './time.ts';

export const deliveryStates = [
  'waiting',
  'dispatched',
  'ignored',
  'set-aside',
] as const satisfies readonly DeliveryState[];

const deliverySources = ['webhook', 'reconcile'] as const satisfies readonly DeliverySource[];

/** A delivery and what became of it. */
export const deliveryView = z
  .object({
    sequence: z.int(),
    deliveryId: z.string(),
    event: z.string(),
    orderKey: z.string().meta({ description: '`<repository id>/<issue number>`.' }),
    digest: z.string().meta({ description: 'SHA-256 of the signed body, in hex.' }),
    receivedAt: time,
    state: z.enum(deliveryStates),
    reason: z.string().nullable(),
    attempts: z.int(),
    source: z
      .enum(deliverySources)
      .meta({ description: 'Who told: the forge by webhook, or a reconcile that asked it.' }),
  })
  .meta({ id: 'Delivery' });

export type DeliveryView = z.infer<typeof deliveryView>;

export function viewDelivery(delivery: ListedDelivery): DeliveryView {
  return {
    sequence: delivery.sequence,
    deliveryId: delivery.deliveryId,
    event: delivery.event,
    orderKey: delivery.orderKey,
    digest: delivery.digest,
    receivedAt: isoTime(delivery.receivedAt),
    state: delivery.state,
    reason: delivery.reason ?? null,
    attempts: delivery.attempts,
    source: delivery.source,
  };
}
