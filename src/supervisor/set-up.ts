import { lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inside } from '../bottles/directory.ts';
import type { LauncherMessage, SetUpOrder } from '../bottles/launch-protocol.ts';
import { clone } from './clone.ts';

/**
 * Runs in the bottle: makes the working copy and the files that the agent's program is to find. Never rejects. Nothing else is
 * to be done meanwhile, so files are written synchronously: the thread pool would be started for them alone.
 */
export async function setUp(order: SetUpOrder): Promise<LauncherMessage> {
  try {
    if (order.clone !== undefined) await clone(order.clone);
    for (const [path, text] of Object.entries(order.files)) write(path, text);
    return { type: 'ready' };
  } catch (error) {
    return { type: 'setup-failed', reason: (error as Error).message };
  }
}

/** What an earlier run has put in its way goes: a directory, a file where a directory is to be, or a link to somewhere else. */
function write(path: string, text: string): void {
  const file = join(inside.home, path);
  makeDirectory(dirname(path));
  rmSync(file, { recursive: true, force: true });
  writeFileSync(file, text, { mode: 0o600 });
}

/** @param path below the home; `.` is the home itself */
function makeDirectory(path: string): void {
  if (path === '.') return;
  makeDirectory(dirname(path));
  const directory = join(inside.home, path);
  if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  rmSync(directory, { force: true });
  mkdirSync(directory, { recursive: true });
}
