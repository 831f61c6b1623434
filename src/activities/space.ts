import { statfs } from 'node:fs/promises';
import { type DiskSpace, judgeSpace, type LeastFree } from '../domain/free-space.ts';
import { diskNotification } from '../domain/notification-texts.ts';
import type { Notifications } from '../notifications/notifications.ts';

export interface SpaceActivities {
  /** Tells when the data directory's space is scarce: once, until there is plenty again. */
  lookAtSpace(): Promise<void>;
}

export interface SpacePorts {
  readonly dataDirectory: string;
  readonly hostId: string;
  readonly least: LeastFree;
  readonly notifications: Notifications;
  /** Default: asks the operating system. */
  readonly measure?: (path: string) => Promise<DiskSpace>;
}

export function createSpaceActivities({
  dataDirectory,
  hostId,
  least,
  notifications,
  measure = measureSpace,
}: SpacePorts): SpaceActivities {
  const subject = `disk/${hostId}`;
  return {
    async lookAtSpace() {
      const space = await measure(dataDirectory);
      const judged = judgeSpace(space, least);
      if (judged === 'scarce') {
        await notifications.raise({ ...diskNotification(dataDirectory, space), subject });
      } else if (judged === 'plenty') {
        await notifications.over(subject);
      }
      // What Temporal did not take when it was raised.
      await notifications.handOver();
    },
  };
}

async function measureSpace(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { free: bavail * bsize, total: blocks * bsize };
}
