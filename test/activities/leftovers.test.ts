import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createLeftoverActivities } from '../../src/activities/leftovers.ts';
import type { BottleHost } from '../../src/bottles/host.ts';
import { freshStore } from '../store/fresh-store.ts';

test('looking for leftovers empties deliveries that were settled more than 30 days ago', async () => {
  const store = await freshStore();
  const now = Date.now();
  const emptied: number[] = [];
  Object.assign(store.deliveries, {
    emptySettled: async (receivedBefore: number) => void emptied.push(now - receivedBefore),
  });
  const host = { list: async () => [], removeExpired: async () => undefined };
  const { destroyLeftovers } = createLeftoverActivities({
    host: host as unknown as BottleHost,
    store,
    lookUp: async () => ({ state: 'closed' }),
  });
  await new MockActivityEnvironment().run(destroyLeftovers);
  expect(emptied.map((ms) => Math.round(ms / 86_400_000))).toEqual([30]);
});
