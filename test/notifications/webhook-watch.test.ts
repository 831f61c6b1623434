import { describe, expect, test } from 'vitest';
import { createNotifications } from '../../src/notifications/notifications.ts';
import type { Notifier } from '../../src/notifications/notifier.ts';
import { WebhookWatch } from '../../src/notifications/webhook-watch.ts';
import { freshStore, widgets } from '../store/fresh-store.ts';

const minute = 60_000;
const everyMs = 2 * minute;
const began = Date.UTC(2026, 0, 2);

const pager: Notifier = {
  name: 'ntfy',
  host: 'ntfy.example',
  events: ['webhook-failing'],
  send: async () => {},
};

/** A watch whose orchestrator has begun at `began`. Times are minutes since then. */
async function aWatch() {
  const { deliveries, notifications: store } = await freshStore();
  const told: string[] = [];
  let now = began;
  const notifications = createNotifications({
    store,
    notifiers: [pager],
    start: async ({ title, text }) => void told.push(`${title}\n${text}`),
    log: { info() {}, warn: console.warn },
    now: () => now,
  });
  const watch = new WebhookWatch({ deliveries, store, notifications, everyMs, now: () => now });
  return {
    watch,
    async told() {
      await notifications.handOver();
      return told;
    },
    found(at: number, event = 'comment created', issue = 7) {
      const url = `https://gitea.example/acme/widgets/issues/${issue}`;
      watch.found({
        repository: widgets,
        issue,
        event,
        number: issue,
        url,
        at: began + at * minute,
      });
    },
    async webhook(at: number, event = 'comment created', issue = 7) {
      await deliveries.add({
        digest: `${at} ${event} ${issue}`,
        deliveryId: '',
        event,
        orderKey: `${widgets.id}/${issue}`,
        headers: {},
        body: new Uint8Array(),
        receivedAt: began + at * minute,
      });
    },
    /** Takes reviews, as turns of a reconcile do, until then. */
    async until(at: number) {
      while (now < began + at * minute) {
        now += everyMs;
        await watch.review();
      }
    },
    async sleeps(minutes: number) {
      now += minutes * minute;
      await watch.review();
    },
    async signatures(...fits: boolean[]) {
      for (const fit of fits) await watch.signature(fit);
    },
  };
}

describe('an event that no webhook told of', () => {
  test('is told once, with its repository and what helps, until webhooks come again', async () => {
    const one = await aWatch();
    await one.until(10);
    one.found(9.5);
    await one.until(14);
    one.found(13);
    await one.until(20);
    const told = await one.told();
    expect(told).toEqual([
      expect.stringMatching(
        /^acme\/widgets: the webhook does not arrive\n[^]*"comment created" on #7[^]*orchestrator webhook test acme\/widgets/,
      ),
    ]);
    await one.webhook(21);
    await one.until(90);
    one.found(89);
    await one.until(94);
    expect(told).toHaveLength(2);
  });

  test.each([
    ['its webhook is only late', 10.5, 'comment created', 7],
    ['another of its kind has come', 10.5, 'comment edited', 7],
  ])('is nothing when %s', async (_, at, event, issue) => {
    const one = await aWatch();
    await one.until(10);
    one.found(9.5);
    await one.webhook(at, event, issue);
    await one.until(20);
    expect(await one.told()).toEqual([]);
  });

  test.each([
    ['of another kind', 'issue labelled', 7],
    ['of another issue', 'comment created', 8],
  ])('is told also when a webhook %s has come', async (_, event, issue) => {
    const one = await aWatch();
    await one.until(10);
    one.found(9.5);
    await one.webhook(9.5, event, issue);
    await one.until(20);
    expect(await one.told()).toHaveLength(1);
  });

  test('is nothing when it happened before anybody listened', async () => {
    const one = await aWatch();
    one.found(-60);
    one.found(0.5);
    await one.until(10);
    expect(await one.told()).toEqual([]);
  });

  test('is nothing when the machine slept', async () => {
    const one = await aWatch();
    await one.until(10);
    one.found(300);
    await one.sleeps(600);
    await one.until(630);
    expect(await one.told()).toEqual([]);
    one.found(629);
    await one.until(634);
    expect(await one.told()).toHaveLength(1);
  });
});

describe('bad signatures', () => {
  test('are told when there are three in a row, once until one fits', async () => {
    const one = await aWatch();
    await one.signatures(true, false, false, true, false, false);
    expect(await one.told()).toEqual([]);
    await one.signatures(false, false, false);
    expect(await one.told()).toEqual([
      expect.stringMatching(
        /^Webhooks are refused: bad signature\n[^]*orchestrator webhook repair/,
      ),
    ]);
    await one.signatures(true);
    await one.until(90);
    await one.signatures(false, false, false);
    expect(await one.told()).toHaveLength(2);
  });

  test('between good ones, from a stranger say, are told once in an hour', async () => {
    const one = await aWatch();
    for (let i = 0; i < 5; i++) {
      await one.signatures(false, false, false, true);
    }
    expect(await one.told()).toHaveLength(1);
  });
});
