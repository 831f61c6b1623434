import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessIdentity } from '../journal/format.ts';
import { isAlive, ownIdentity } from './liveness.ts';

/** Another orchestrator works in the data directory. */
export class DataDirectoryLockedError extends Error {
  override readonly name = 'DataDirectoryLockedError';
}

/**
 * Makes this process the only orchestrator of a data directory, until it ends or gives the lock back.
 * The lock of a process that is dead is taken over.
 * @throws DataDirectoryLockedError naming the process that has it
 */
export async function lockDataDirectory(dataDirectory: string): Promise<AsyncDisposable> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const path = join(dataDirectory, 'orchestrator.lock');
  const own = ownIdentity(randomUUID());
  const draft = `${path}.${own.nonce}`;
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    while (!(await linkOnce(draft, path))) await removeIfStale(path, own.nonce);
  } finally {
    await rm(draft, { force: true });
  }
  return {
    async [Symbol.asyncDispose]() {
      if ((await readOwner(path))?.nonce === own.nonce) await rm(path, { force: true });
    },
  };
}

async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeIfStale(path: string, nonce: string): Promise<void> {
  const owner = await readOwner(path);
  if (owner !== undefined && isAlive(owner)) {
    throw new DataDirectoryLockedError(
      `an orchestrator runs in this data directory already (process ${owner.pid}): ${path}`,
    );
  }
  // Only one of several that saw the same dead owner gets its file; what it got must still be that owner's.
  const taken = `${path}.stale-${nonce}`;
  try {
    await rename(path, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const removed = await readOwner(taken);
  if (removed !== undefined && isAlive(removed)) await linkOnce(taken, path);
  await rm(taken, { force: true });
}

async function readOwner(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
