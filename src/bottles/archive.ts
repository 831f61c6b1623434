import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bottlePaths } from './directory.ts';

/** How long the runs of a destroyed bottle, and its tombstone, are kept. */
export const archiveKeptMs = 30 * 24 * 60 * 60_000;

/**
 * Removes what destroyed bottles left: runs that were archived, and tombstones that were set, longer ago than `olderThanMs`.
 * Idempotent.
 */
export async function removeOldArchives(dataDirectory: string, olderThanMs: number): Promise<void> {
  const { archive, tombstone } = bottlePaths(dataDirectory, 'any');
  const before = Date.now() - olderThanMs;
  for (const directory of [dirname(archive), dirname(tombstone)]) {
    for (const name of await readdir(directory).catch(() => [])) {
      const path = join(directory, name);
      // A directory's time is that of the last run moved into it, a tombstone's that of the last destroy.
      if ((await stat(path)).mtimeMs < before) await rm(path, { recursive: true, force: true });
    }
  }
}
