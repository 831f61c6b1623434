import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, pass, warn, type Check, type Finding } from './check.ts';

/** A place that grows. */
export interface DiskPlace {
  /** For people: what lies there. */
  readonly holds: string;
  readonly path: string;
}

/** A bottle's working copy and the packages that its agent installs need more than this in no time. */
const scarceBytes = 2 * 1024 ** 3;
/** Runs are ended at 1 MiB; logs, the store and Temporal's database stumble before that. */
const spentBytes = 256 * 1024 ** 2;
const scarceInodes = 50_000;
const spentInodes = 5_000;

/** Space and inodes of the file system on which a place is, or will be. */
export function diskCheck({ holds, path }: DiskPlace): Check {
  return {
    name: `disk of ${holds}`,
    run: () => examineDisk(path),
  };
}

/** @param path on the file system in question; the nearest directory above that is there counts */
export async function examineDisk(path: string): Promise<Finding[]> {
  const { bavail, bsize, files, ffree } = await statfsOf(path);
  const bytes = bavail * bsize;
  return [
    judge(`${formatBytes(bytes)} free at ${path}`, bytes, spentBytes, scarceBytes),
    // Some file systems have as many as they need, and say that they have none.
    ...(files === 0
      ? []
      : [judge(`${ffree} inodes free at ${path}`, ffree, spentInodes, scarceInodes)]),
  ];
}

function judge(seen: string, free: number, spent: number, scarce: number): Finding {
  if (free >= scarce) return pass(seen);
  const fix =
    'Make room: `orchestrator status` says which bottles could be destroyed; `archive/` and, while nothing runs, `mirrors/` can be removed. Of Docker, what is not ours: `docker system df` shows it.';
  return free < spent ? fail(seen, fix) : warn(seen, fix);
}

async function statfsOf(path: string): Promise<StatsFs> {
  try {
    return await statfs(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return await statfsOf(dirname(path));
  }
}

function formatBytes(bytes: number): string {
  return bytes < 1024 ** 3
    ? `${Math.floor(bytes / 1024 ** 2)} MiB`
    : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
