import { describe, expect, test } from 'vitest';
import type { NewNotification } from '../../src/store/store.ts';
import { freshPath, freshStore } from './fresh-store.ts';

const hour = 3_600_000;

function about(subject: string, raisedAt: number): NewNotification {
  return {
    event: 'disk',
    title: 'Disk space runs out',
    text: 'Make room.',
    url: undefined,
    issue: { repository: 'acme/widgets', number: 7, title: 'Lamp ☂', pullRequest: undefined },
    subject,
    raisedAt,
  };
}

describe('a subject', () => {
  test('is told once, also after a restart', async () => {
    const path = freshPath();
    const first = await freshStore(path);
    expect(await first.notifications.add(about('run/slug/1', 1_000))).toBe(true);
    const second = await freshStore(path);
    expect(await second.notifications.add(about('run/slug/1', 9 * hour))).toBe(false);
    expect(await second.notifications.add(about('run/slug/2', 9 * hour))).toBe(true);
  });

  test('is told again when it comes back more than an hour after it was over', async () => {
    const { notifications } = await freshStore();
    await notifications.add(about('disk/host', 1_000));
    await notifications.over('disk/host', 2_000);
    await notifications.over('disk/host', 5_000);
    expect(await notifications.add(about('disk/host', 2_000 + hour))).toBe(true);
    expect(await notifications.waiting()).toHaveLength(2);
  });

  test('that comes and goes within an hour is the same one', async () => {
    const { notifications } = await freshStore();
    await notifications.add(about('disk/host', 1_000));
    await notifications.over('disk/host', 2_000);
    expect(await notifications.add(about('disk/host', 3_000))).toBe(false);
    // It is not over any more.
    expect(await notifications.add(about('disk/host', 9 * hour))).toBe(false);
  });

  test('lasts until it is over', async () => {
    const { notifications } = await freshStore();
    for (const subject of ['webhook/1', 'webhook/2', 'webhook-else', 'disk/host']) {
      await notifications.add(about(subject, 1_000));
    }
    await notifications.over('webhook/2', 2_000);
    expect(await notifications.lasting('webhook/')).toEqual([
      { subject: 'webhook/1', raisedAt: 1_000 },
    ]);
  });
});

describe('a notification', () => {
  test('waits, with all that it says, until a workflow has it', async () => {
    const { notifications } = await freshStore();
    await notifications.add(about('b', 2_000));
    await notifications.add(about('a', 1_000));
    const [first, second] = await notifications.waiting();
    const { subject: _, ...content } = about('a', 1_000);
    expect(first).toEqual({ ...content, id: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(second?.id).not.toBe(first?.id);
    await notifications.markHandedOver(first?.id ?? '');
    expect(await notifications.waiting()).toEqual([second]);
    expect(await notifications.read(first?.id ?? '')).toEqual(first);
    expect(await notifications.read('unknown')).toBeUndefined();
  });

  test('is sent on each way by itself', async () => {
    const { notifications } = await freshStore();
    await notifications.markSent('id', 'ntfy', 1_000);
    await notifications.markSent('id', 'ntfy', 2_000);
    expect(await notifications.isSent('id', 'ntfy')).toBe(true);
    expect(await notifications.isSent('id', 'webhook')).toBe(false);
    expect(await notifications.isSent('other', 'ntfy')).toBe(false);
  });
});
