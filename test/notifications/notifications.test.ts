import { describe, expect, test } from 'vitest';
import { createSpaceActivities } from '../../src/activities/space.ts';
import type { DiskSpace } from '../../src/domain/free-space.ts';
import type { Notification, NotificationEvent } from '../../src/domain/notification.ts';
import { createNotifications } from '../../src/notifications/notifications.ts';
import type { Notifier } from '../../src/notifications/notifier.ts';
import type { Store } from '../../src/store/store.ts';
import { freshStore } from '../store/fresh-store.ts';
import { until } from '../support/until.ts';

const silent = { info() {}, warn() {} };

function way(name: Notifier['name'], ...events: NotificationEvent[]): Notifier {
  return { name, events, host: 'somewhere', send: async () => {} };
}

/** The notifications, and what Temporal was given. */
function stand(
  { notifications: store }: Store,
  notifiers = [way('webhook', 'failed', 'disk'), way('ntfy', 'failed')],
) {
  const given: [Notification, readonly string[]][] = [];
  const temporal = { isAway: false };
  const notifications = createNotifications({
    store,
    notifiers,
    async start(...sending) {
      if (temporal.isAway) throw new Error('Temporal is away');
      given.push(sending);
    },
    log: silent,
  });
  return { notifications, given, temporal };
}

const content = { text: 'What to do.', url: undefined, issue: undefined };
const failure = {
  ...content,
  event: 'failed',
  title: 'run 1 failed',
  subject: 'run/slug/1',
} as const;

describe('what is raised', () => {
  test('goes on the ways that ask for its event', async () => {
    const { notifications, given } = stand(await freshStore());
    await notifications.raise(failure);
    await notifications.raise({ ...failure, event: 'disk', subject: 'disk/host' });
    await until('Temporal to have both', () => given.length === 2);
    expect(given.map(([{ event }, ways]) => [event, ways])).toEqual([
      ['failed', ['webhook', 'ntfy']],
      ['disk', ['webhook']],
    ]);
  });

  test('leaves no trace when nobody asks for it', async () => {
    const store = await freshStore();
    const { notifications, given } = stand(store);
    await notifications.raise({ ...failure, event: 'pull-request' });
    await notifications.handOver();
    expect(given).toEqual([]);
    // So that who asks from now on is told.
    const { notifications: later, given: told } = stand(store, [way('ntfy', 'pull-request')]);
    await later.raise({ ...failure, event: 'pull-request' });
    await later.handOver();
    expect(told).toHaveLength(1);
  });

  test('is handed over once, however often it is raised', async () => {
    const { notifications, given } = stand(await freshStore());
    await Promise.all([1, 2, 3].map(() => notifications.raise(failure)));
    await notifications.handOver();
    expect(given).toHaveLength(1);
  });

  test('waits on disk while Temporal is away, and holds nobody up', async () => {
    const store = await freshStore();
    const { notifications, given, temporal } = stand(store);
    temporal.isAway = true;
    await notifications.raise(failure);
    await notifications.handOver();
    expect(given).toEqual([]);
    // As after a restart.
    const { notifications: next, given: told } = stand(store);
    await next.handOver();
    expect(told.map(([{ title }]) => title)).toEqual(['run 1 failed']);
  });
});

describe('space for the data directory', () => {
  test('that is scarce is told once, until there is plenty again', async () => {
    const store = await freshStore();
    const { notifications, given } = stand(store);
    let free = 3;
    const GiB = 1024 ** 3;
    const { lookAtSpace } = createSpaceActivities({
      dataDirectory: '/data',
      hostId: 'host',
      least: { bytes: 2 * GiB },
      notifications,
      measure: async (): Promise<DiskSpace> => ({ free: free * GiB, total: 100 * GiB }),
    });
    await lookAtSpace();
    expect(given).toEqual([]);
    for (free of [1.9, 1.5, 2.2, 1.9]) {
      await lookAtSpace();
    }
    expect(given.map(([{ title }]) => title)).toEqual(['Disk space runs out: 1.9 GiB free']);
    expect(given[0]?.[0].text).toMatch(/at \/data\.[^]*orchestrator status/);
    expect(await store.notifications.lasting('disk/')).toHaveLength(1);
    free = 3;
    await lookAtSpace();
    expect(await store.notifications.lasting('disk/')).toEqual([]);
  });

  test('is measured', async () => {
    const { notifications, given } = stand(await freshStore());
    const { lookAtSpace } = createSpaceActivities({
      dataDirectory: import.meta.dirname,
      hostId: 'host',
      least: { bytes: Number.MAX_SAFE_INTEGER },
      notifications,
    });
    await lookAtSpace();
    expect(given).toHaveLength(1);
  });
});
