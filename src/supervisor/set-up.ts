import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inside } from '../bottles/directory.ts';
import type { LauncherMessage, SetUpOrder } from '../bottles/launch-protocol.ts';
import { clone } from './clone.ts';

/** Runs in the bottle: makes the working copy and the files that the agent's program is to find. Never rejects. */
export async function setUp(order: SetUpOrder): Promise<LauncherMessage> {
  try {
    if (order.clone !== undefined) await clone(order.clone);
    for (const [path, text] of Object.entries(order.files)) await write(path, text);
    return { type: 'ready' };
  } catch (error) {
    return { type: 'setup-failed', reason: (error as Error).message };
  }
}

/** What an earlier run has put in its way goes: a directory, a file where a directory is to be, or a link to somewhere else. */
async function write(path: string, text: string): Promise<void> {
  const file = join(inside.home, path);
  await makeDirectory(dirname(path));
  await rm(file, { recursive: true, force: true });
  await writeFile(file, text, { mode: 0o600 });
}

/** @param path below the home; `.` is the home itself */
async function makeDirectory(path: string): Promise<void> {
  if (path === '.') return;
  await makeDirectory(dirname(path));
  const directory = join(inside.home, path);
  const found = await lstat(directory).catch(() => undefined);
  if (found?.isDirectory()) return;
  await rm(directory, { force: true });
  await mkdir(directory, { recursive: true });
}
