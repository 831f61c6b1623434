import { z } from 'zod';
import type { WebhookReceipt, WebhookVerdict } from '../webhook-receipts.ts';
import { isoTime, time } from './time.ts';

export const webhookVerdicts = [
  'accepted',
  'known',
  'ignored',
  'refused',
] as const satisfies readonly WebhookVerdict[];

/** A request to the webhook's path, and what it was answered. */
export const webhookReceiptView = z
  .object({
    number: z.int(),
    receivedAt: time,
    verdict: z.enum(webhookVerdicts).meta({
      description: '`known`: the same body was delivered before. `refused`: nothing is stored.',
    }),
    status: z.int().meta({ description: 'HTTP status of the answer.' }),
    sequence: z.int().nullable().meta({ description: 'Of the delivery that is stored.' }),
    event: z.string(),
    deliveryId: z.string(),
    reason: z.string().nullable(),
    from: z.string().meta({ description: 'The address that it came from.' }),
    test: z.string().nullable().meta({ description: 'The query parameter `test`.' }),
  })
  .meta({ id: 'WebhookReceipt' });

export type WebhookReceiptView = z.infer<typeof webhookReceiptView>;

export function viewWebhookReceipt(receipt: WebhookReceipt): WebhookReceiptView {
  return {
    ...receipt,
    receivedAt: isoTime(receipt.receivedAt),
    sequence: receipt.sequence ?? null,
    reason: receipt.reason ?? null,
    test: receipt.test ?? null,
  };
}
