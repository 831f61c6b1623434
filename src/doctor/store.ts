import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrations } from '../store/migrations/all.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import type { InspectedStore } from './inspect-store.ts';

const run = promisify(execFile);

/** It is read by a process of its own, which can be ended: SQLite goes on in the middle of a large file. */
const inspector = join(
  import.meta.dirname,
  `inspect-store${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
);

/** Reads the store, also while an orchestrator writes to it. @throws Error with SQLite's code when it cannot be read */
export async function inspectStore(path: string, signal: AbortSignal): Promise<InspectedStore> {
  const { stdout } = await run(process.execPath, [inspector, path], {
    signal,
    env: {},
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(stdout) as InspectedStore;
}

/** That it can be read, is whole, and is of this version of the program. */
export function storeChecks(path: string): readonly Check[] {
  const store: Check = { name: 'store', run: (signal) => examineFile(path, signal) };
  const schema: Check = {
    name: 'schema of the store',
    needs: [store],
    run: (signal) => examineSchema(path, signal),
  };
  return [store, schema];
}

async function examineFile(path: string, signal: AbortSignal): Promise<Finding[]> {
  if (!existsSync(path)) {
    return [pass(`${path} is not there yet: the orchestrator makes it at its first start`)];
  }
  const { error, damage } = await inspectStore(path, signal);
  if (error !== undefined && !/^SQLITE_(NOTADB|CORRUPT)/.test(error)) {
    return [
      fail(
        `${path} cannot be read (${error})`,
        'Run this command as the user that the orchestrator runs as, and let that user own the file.',
      ),
    ];
  }
  const seen = error ?? damage.at(0);
  return seen === undefined
    ? [pass(`${path} is whole`)]
    : [
        fail(
          `${path} is damaged (${seen})`,
          'Stop the orchestrator and put a copy in its place; or move it away with its -wal and -shm, to begin with an empty store: each issue goes on with its next event, on its branch.',
        ),
      ];
}

async function examineSchema(path: string, signal: AbortSignal): Promise<Finding[]> {
  if (!existsSync(path)) return [pass('there is none yet')];
  const { migrations: done } = await inspectStore(path, signal);
  const known = Object.keys(migrations);
  const newer = done.filter((name) => !known.includes(name));
  if (newer.length > 0) {
    return [
      fail(
        `it was written by a newer version of the program, with ${newer.join(', ')}`,
        'Run that version, or put a copy in its place that was made before the upgrade.',
      ),
    ];
  }
  const missing = known.filter((name) => !done.includes(name));
  return missing.length === 0
    ? [pass(`it is this version's: ${known.at(-1)}`)]
    : [
        warn(
          `it is of an older version: ${missing.join(', ')} is missing`,
          'The orchestrator brings it up to date when it is started again with this version.',
        ),
      ];
}
