import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inside } from '../bottles/directory.ts';
import type { CloneOrder } from '../bottles/launch-protocol.ts';

/** Runs in the bottle. Starts from nothing, since an attempt before this one may have been cut short. */
export async function clone({ url, branch, branchExists, settings }: CloneOrder): Promise<void> {
  for (const name of await readdir(inside.work)) {
    await rm(`${inside.work}/${name}`, { recursive: true, force: true });
  }
  const config = Object.entries(settings).flatMap(([key, value]) => [
    '--config',
    `${key}=${value}`,
  ]);
  const start = branchExists ? ['--branch', branch] : [];
  // Protocol 0 asks once less than protocol 2, and the door is near. A clone that does not survive a crash is made again.
  const quick = ['-c', 'protocol.version=0', '-c', 'core.fsync=none'];
  await git(...quick, 'clone', '--quiet', ...config, ...start, url, '.');
  // In an empty repository this names the branch that the first commit will make.
  if (!branchExists) await git('switch', '--quiet', '--no-track', '--create', branch);
}

async function git(...args: string[]): Promise<void> {
  await promisify(execFile)('git', args, { cwd: inside.work });
}
