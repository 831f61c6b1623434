import { chmod, chown, mkdir } from 'node:fs/promises';
import type { BottlePaths } from './directory.ts';
import { readManifest } from './manifest.ts';

/** Makes the bottle's `work/` and `home/`, or gives those that are there back to its user. */
export async function makeStateDirectories(paths: BottlePaths): Promise<void> {
  // The bottle's user goes through it to what is its own; the data directory above it is closed to everybody else.
  const open = [paths.root, paths.runs].map((directory) => chmod(directory, 0o711));
  const uid = readManifest(paths)?.uid;
  const own = [paths.work, paths.home].map(async (directory) => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (uid !== undefined) await chown(directory, uid, uid);
    // An agent may have closed it to itself.
    await chmod(directory, 0o700);
  });
  await Promise.all([...open, ...own]);
}
