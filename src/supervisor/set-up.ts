import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inside } from '../bottles/directory.ts';
import type { LauncherMessage, SetUpOrder } from '../bottles/launch-protocol.ts';
import { clone } from './clone.ts';

/** Runs in the bottle: makes the working copy and the files that the agent's program is to find. Never rejects. */
export async function setUp(order: SetUpOrder): Promise<LauncherMessage> {
  try {
    if (order.clone !== undefined) await clone(order.clone);
    await Promise.all(Object.entries(order.files).map(([path, text]) => write(path, text)));
    return { type: 'ready' };
  } catch (error) {
    return { type: 'setup-failed', reason: (error as Error).message };
  }
}

/** What an earlier run has put in its place goes: a directory, or a link to somewhere else. */
async function write(path: string, text: string): Promise<void> {
  const file = join(inside.home, path);
  await mkdir(dirname(file), { recursive: true });
  await rm(file, { recursive: true, force: true });
  await writeFile(file, text, { mode: 0o600 });
}
