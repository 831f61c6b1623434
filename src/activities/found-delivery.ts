import { createHash } from 'node:crypto';
import type { IssueRef } from '../domain/issue.ts';
import { orderKey } from '../domain/order-key.ts';
import type { NewDelivery } from '../store/store.ts';
import type { FoundEvent } from './comparison.ts';

/** What was found as the inbox takes it. The same event makes the same delivery. */
export function foundDelivery(issue: IssueRef, { event, key }: FoundEvent): NewDelivery {
  const { repository, number, type } = event;
  const name = ['reconcile', repository.id, number, type, key].join('\n');
  return {
    source: 'reconcile',
    digest: createHash('sha256').update(name).digest('hex'),
    deliveryId: '',
    event: `${type} ${event.type === 'review' ? event.verdict : event.action}`,
    orderKey: orderKey(repository.id, issue.number),
    headers: {},
    body: Buffer.from(JSON.stringify(event)),
    receivedAt: Date.now(),
  };
}
