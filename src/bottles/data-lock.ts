import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** Another orchestrator works in the data directory. */
export class DataDirectoryLockedError extends Error {
  override readonly name = 'DataDirectoryLockedError';
}

/**
 * Makes this process the only orchestrator of a data directory, until it ends or gives the lock back. It is the system's
 * own file lock, taken by SQLite: nothing is left to be cleaned up after a process that was killed.
 * @throws DataDirectoryLockedError when another process, or an earlier call in this one, has it
 */
export async function lockDataDirectory(dataDirectory: string): Promise<Disposable> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const path = join(dataDirectory, 'orchestrator.lock');
  const lock = new Database(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new DataDirectoryLockedError(
      `another orchestrator works in ${dataDirectory}: stop it, or give this one a data directory of its own`,
    );
  }
  return { [Symbol.dispose]: () => lock.close() };
}
