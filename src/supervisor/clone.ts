import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inside } from '../bottles/directory.ts';
import type { CloneOrder } from '../bottles/launch-protocol.ts';

/**
 * Runs in the bottle. git speaks to the supervisor's `upload-pack` over a socket that it inherits; its origin is the
 * address that lasts. Starts from nothing, since an attempt before this one may have been cut short. A clone that does not
 * survive a crash is made again, so nothing is synced.
 */
export async function clone({ url, branch, branchExists, settings }: CloneOrder): Promise<void> {
  for (const name of readdirSync(inside.work)) {
    rmSync(`${inside.work}/${name}`, { recursive: true, force: true });
  }
  const config = Object.entries(settings).flatMap(([key, value]) => [
    '--config',
    `${key}=${value}`,
  ]);
  const start = branchExists ? ['--branch', branch] : [];
  const socket = connect(inside.cloneSocket).pause();
  await once(socket, 'connect');
  const through = ['core.fsync=none', 'protocol.version=0', `url.fd::3/.insteadOf=${url}`];
  await git(
    [
      ...through.flatMap((setting) => ['-c', setting]),
      ...['clone', '--quiet', ...config, ...start, url, '.'],
    ],
    socket,
  );
  socket.destroy();
  if (!branchExists && !begin(branch)) {
    // In an empty repository this names the branch that the first commit will make.
    await git(['switch', '--quiet', '--no-track', '--create', branch]);
  }
}

/**
 * Begins a branch where the clone is, without the time that starting git once more takes.
 * @returns false when that is not known from the files: git does it then
 */
function begin(branch: string): boolean {
  const repository = `${inside.work}/.git`;
  const head = /^ref: (\S+)/.exec(readFileSync(`${repository}/HEAD`, 'utf8'))?.[1];
  const file = `${repository}/${head}`;
  const commit = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (!/^[0-9a-f]{40,64}\n$/.test(commit)) return false;
  const ref = `refs/heads/${branch}`;
  mkdirSync(dirname(`${repository}/${ref}`), { recursive: true });
  writeFileSync(`${repository}/${ref}`, commit);
  writeFileSync(`${repository}/HEAD`, `ref: ${ref}\n`);
  return true;
}

/** @param socket what git finds as descriptor 3 */
async function git(args: readonly string[], socket?: Socket): Promise<void> {
  const child = spawn('git', args, {
    cwd: inside.work,
    stdio: ['ignore', 'ignore', 'pipe', socket ?? 'ignore'],
  });
  const said = text(child.stderr as Readable);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`git clone: ${(await said).trim() || `exit code ${code}`}`);
}
