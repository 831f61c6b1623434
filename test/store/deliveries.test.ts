import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { NewDelivery } from '../../src/store/store.ts';
import { freshPath, freshStore } from './fresh-store.ts';

let counter = 0;

function delivery(orderKey: string, more: Partial<NewDelivery> = {}): NewDelivery {
  counter += 1;
  return {
    digest: `digest-${counter}`,
    deliveryId: `id-${counter}`,
    event: 'issue opened',
    orderKey,
    headers: { 'x-gitea-event': 'issues' },
    body: Buffer.from(`{"n":${counter}}`),
    receivedAt: 1_000,
    ...more,
  };
}

describe('webhook deliveries', () => {
  test('are numbered in the order of arrival', async () => {
    const { deliveries } = await freshStore();
    const added = await Promise.all(
      Array.from({ length: 200 }, () => deliveries.add(delivery('1/1'))),
    );
    expect(added.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
    expect(added.every(({ known }) => !known)).toBe(true);
  });

  test('come back as they went in, byte for byte', async () => {
    const { deliveries } = await freshStore();
    const body = Buffer.from([0, 255, 1, 128, 10, 13]);
    await deliveries.add(delivery('1/1', { body, headers: { 'x-gitea-event': 'ü\u0001' } }));
    const [found] = await deliveries.nextDue(2_000, new Set(), 8);
    expect(found).toMatchObject({
      sequence: 1,
      orderKey: '1/1',
      headers: { 'x-gitea-event': 'ü\u0001' },
      receivedAt: 1_000,
      state: 'waiting',
      reason: undefined,
      attempts: 0,
    });
    expect(Buffer.from(found?.body ?? [])).toEqual(body);
  });

  test('are known by their digest, within one batch and across batches', async () => {
    const { deliveries } = await freshStore();
    const first = delivery('1/1');
    const second = delivery('1/1');
    const [one, repeated, two] = await Promise.all([
      deliveries.add(first),
      deliveries.add({ ...first, deliveryId: 'again' }),
      deliveries.add(second),
    ]);
    expect(one.known).toBe(false);
    expect(repeated).toEqual({ sequence: one.sequence, known: true });
    expect(two.known).toBe(false);
    expect(two.sequence).toBeGreaterThan(one.sequence);
    expect(await deliveries.add({ ...second, deliveryId: 'again' })).toEqual({
      sequence: two.sequence,
      known: true,
    });
    expect(await deliveries.list({ limit: 10 })).toHaveLength(2);
  });

  test('that mean nothing are kept as ignored and never due', async () => {
    const { deliveries } = await freshStore();
    await deliveries.add(delivery('', { ignoredReason: 'a push' }));
    expect(await deliveries.nextDue(2_000, new Set(), 8)).toEqual([]);
    expect(await deliveries.list({ state: 'ignored', limit: 8 })).toMatchObject([
      { sequence: 1, state: 'ignored', reason: 'a push' },
    ]);
  });

  test('that are settled are empty after a while, and still known', async () => {
    const path = freshPath();
    const { deliveries } = await freshStore(path);
    const old = delivery('1/1');
    const { sequence } = await deliveries.add(old);
    await deliveries.add(delivery('1/2'));
    const recent = await deliveries.add(delivery('1/3', { receivedAt: 2_000 }));
    await deliveries.markDispatched(sequence);
    await deliveries.markIgnored(recent.sequence, 'a push');
    await deliveries.emptySettled(2_000);
    const database = new Database(path, { readonly: true });
    onTestFinished(() => void database.close());
    const kept = 'select sequence from deliveries where length(body) > 0 order by sequence';
    expect(database.prepare(kept).pluck().all()).toEqual([2, 3]);
    expect(await deliveries.list({ limit: 10 })).toMatchObject([
      { sequence: 3, state: 'ignored', reason: 'a push' },
      { sequence: 2, state: 'waiting' },
      { sequence: 1, state: 'dispatched' },
    ]);
    expect(await deliveries.add(old)).toEqual({ sequence, known: true });
  });

  test('are due one per issue, the oldest first, none of a busy issue', async () => {
    const { deliveries } = await freshStore();
    for (const key of ['1/1', '1/2', '1/1', '1/3', '1/2']) {
      await deliveries.add(delivery(key));
    }
    const due = async (busy: string[], limit: number): Promise<number[]> =>
      (await deliveries.nextDue(2_000, new Set(busy), limit)).map(({ sequence }) => sequence);
    expect(await due([], 8)).toEqual([1, 2, 4]);
    expect(await due([], 2)).toEqual([1, 2]);
    expect(await due(['1/1'], 8)).toEqual([2, 4]);
    await deliveries.markDispatched(1);
    expect(await due([], 8)).toEqual([2, 3, 4]);
  });

  test('that are postponed hold back their issue, and no other, until they are due', async () => {
    const { deliveries } = await freshStore();
    await deliveries.add(delivery('1/1'));
    await deliveries.add(delivery('1/1'));
    await deliveries.add(delivery('1/2'));
    await deliveries.postpone(1, 'Temporal is away', 5_000);
    expect(await deliveries.nextDue(4_999, new Set(), 8)).toMatchObject([{ sequence: 3 }]);
    expect(await deliveries.nextDue(5_000, new Set(), 8)).toMatchObject([
      { sequence: 1, attempts: 1, reason: 'Temporal is away' },
      { sequence: 3 },
    ]);
  });

  test('that are set aside are visible and hold back nobody', async () => {
    const { deliveries } = await freshStore();
    await deliveries.add(delivery('1/1'));
    await deliveries.add(delivery('1/1'));
    await deliveries.setAside(1, 'refused');
    expect(await deliveries.nextDue(2_000, new Set(), 8)).toMatchObject([{ sequence: 2 }]);
    expect(await deliveries.list({ state: 'set-aside', limit: 8 })).toMatchObject([
      { sequence: 1, reason: 'refused' },
    ]);
  });

  test('are listed newest first, up to the limit', async () => {
    const { deliveries } = await freshStore();
    for (let n = 0; n < 4; n++) {
      await deliveries.add(delivery('1/1'));
    }
    await deliveries.markIgnored(2, 'no life is open');
    const listed = await deliveries.list({ limit: 3 });
    expect(listed.map(({ sequence, state }) => [sequence, state])).toEqual([
      [4, 'waiting'],
      [3, 'waiting'],
      [2, 'ignored'],
    ]);
  });

  test('that cannot be stored are refused to every caller of the batch', async () => {
    const { deliveries } = await freshStore();
    const broken = { ...delivery('1/1'), event: null as unknown as string };
    const added = await Promise.allSettled([
      deliveries.add(broken),
      deliveries.add(delivery('1/1')),
    ]);
    expect(added.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await deliveries.add(delivery('1/1'))).known).toBe(false);
  });
});
