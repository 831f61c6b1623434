import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import type { BottlePaths } from './directory.ts';
import { readManifest } from './manifest.ts';

/** Makes the bottle's `work/` and `home/`, or gives those that are there back to its user. */
export function makeStateDirectories(paths: BottlePaths): void {
  // The bottle's user goes through it to what is its own; the data directory above it is closed to everybody else.
  for (const directory of [paths.root, paths.runs]) chmodSync(directory, 0o711);
  const uid = readManifest(paths)?.uid;
  for (const directory of [paths.work, paths.home]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (uid !== undefined) chownSync(directory, uid, uid);
    // An agent may have closed it to itself.
    chmodSync(directory, 0o700);
  }
}
