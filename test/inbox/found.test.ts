import { describe, expect, test } from 'vitest';
import { orderKey } from '../../src/domain/order-key.ts';
import type { ForgeEvent } from '../../src/forges/webhook.ts';
import { recordedDelivery, resigned } from '../api/recorded-deliveries.ts';
import { widgets } from '../store/fresh-store.ts';
import { until } from '../support/until.ts';
import { setStage, type Stage } from './stage.ts';

/** What a reconcile found, beside the deliveries that it was found without. */

/** Puts an event into the inbox as a reconcile does. Gives the sequence number. */
async function find(stage: Stage, event: ForgeEvent, issue: number): Promise<number> {
  const body = Buffer.from(JSON.stringify(event));
  const { sequence } = await stage.store.deliveries.add({
    source: 'reconcile',
    digest: `found ${String(body)}`,
    deliveryId: '',
    event: event.type,
    orderKey: orderKey(event.repository.id, issue),
    headers: {},
    body,
    receivedAt: 0,
  });
  stage.inbox.wake();
  return sequence;
}

const about = {
  repository: widgets,
  sender: 'alice',
  title: 'Add frobnicator',
  url: 'http://gitea.example/acme/widgets/issues/1',
  at: Date.parse('2026-11-21T07:15:35Z'),
};
const head = { branch: 'bot-bottle/issue-1', repositoryId: widgets.id };
/** The comment of the recorded delivery 21. */
const comment: ForgeEvent = {
  ...about,
  type: 'comment',
  action: 'created',
  number: 5,
  commentId: 32,
  author: 'alice',
  body: 'Please rename it.',
  head,
};
/** The reopening of the recorded delivery 35. */
const reopening: ForgeEvent = {
  ...about,
  type: 'pull_request',
  action: 'reopened',
  number: 5,
  merged: false,
  head,
};

describe('what a reconcile found', () => {
  test('reaches its workflow as a delivery does, with a sequence number of its own', async () => {
    const stage = await setStage();
    const sequence = await find(stage, comment, 1);
    expect(await stage.settled(sequence)).toMatchObject({ state: 'dispatched' });
    expect(stage.signals.sent).toMatchObject([
      { start: false, event: { signal: 'pr_comment', event: { sequence, id: 32, on: 5 } } },
    ]);
  });

  test('is judged as a delivery is', async () => {
    const stage = await setStage();
    const sequence = await find(stage, { ...comment, author: 'mallory', sender: 'mallory' }, 1);
    expect(await stage.settled(sequence)).toMatchObject({
      state: 'ignored',
      reason: expect.stringContaining('mallory can neither write') as string,
    });
    expect(stage.signals.sent).toEqual([]);
  });

  for (const [what, event, recorded] of [
    ['a comment', comment, '21'],
    ['a reopening', reopening, '35'],
  ] as const) {
    test(`${what} that its webhook tells of later counts once`, async () => {
      const stage = await setStage();
      await stage.settled(await find(stage, event, 1));
      const late = await stage.settled(await stage.deliver(recordedDelivery(recorded)));
      expect(late).toMatchObject({ state: 'ignored', reason: 'an earlier delivery told of it' });
      expect(stage.signals.sent).toHaveLength(1);
    });

    test(`${what} that its webhook told of before counts once`, async () => {
      const stage = await setStage();
      await stage.settled(await stage.deliver(recordedDelivery(recorded)));
      const found = await stage.settled(await find(stage, event, 1));
      expect(found).toMatchObject({ state: 'ignored', reason: 'an earlier delivery told of it' });
      expect(stage.signals.sent).toHaveLength(1);
    });
  }

  test('a reopening after the one that is known is another one', async () => {
    const stage = await setStage();
    await stage.settled(await find(stage, reopening, 1));
    const recorded = recordedDelivery('35');
    const later = recorded.rawBody.replace('2026-11-21T07:15:35Z', '2026-11-21T07:20:00Z');
    await stage.settled(await stage.deliver(resigned(recorded, later)));
    expect(stage.signals.sent).toHaveLength(2);
  });

  test('that could not be signalled is signalled when it is handled again', async () => {
    const stage = await setStage();
    let failures = 1;
    stage.signals.before = async () => {
      if (failures-- > 0) throw new Error('the line is dead');
    };
    const sequence = await find(stage, reopening, 1);
    await until('the failure', async () => (await stage.delivery(sequence)).attempts === 1);
    stage.pass(60_000);
    expect(await stage.settled(sequence)).toMatchObject({ state: 'dispatched' });
    expect(stage.signals.sent).toHaveLength(1);
  });
});
