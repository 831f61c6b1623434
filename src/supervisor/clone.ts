import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inside } from '../bottles/directory.ts';
import type { CloneOrder } from '../bottles/launch-protocol.ts';

/**
 * Starts from nothing, since an attempt before this one may have been cut short. A clone that does not survive a crash is
 * made again, so nothing is synced.
 */
const cloneScript = `
branch=$1 exists=$2 url=$3
shift 3
git -c core.fsync=none -c protocol.version=0 -c "url.fd::3/.insteadOf=$url" clone --quiet "$@" "$url" . || exit
# In an empty repository this names the branch that the first commit will make.
[ "$exists" = true ] || exec git switch --quiet --no-track --create "$branch"
`;

/**
 * Runs in the bottle. git speaks to the supervisor's `upload-pack` over a socket that it inherits; its origin is the
 * address that lasts.
 */
export async function clone({ url, branch, branchExists, settings }: CloneOrder): Promise<void> {
  for (const name of await readdir(inside.work)) {
    await rm(`${inside.work}/${name}`, { recursive: true, force: true });
  }
  const config = Object.entries(settings).flatMap(([key, value]) => [
    '--config',
    `${key}=${value}`,
  ]);
  const start = branchExists ? ['--branch', branch] : [];
  const socket = connect(inside.cloneSocket).pause();
  await once(socket, 'connect');
  const git = spawn(
    'sh',
    ['-c', cloneScript, 'sh', branch, String(branchExists), url, ...config, ...start],
    { cwd: inside.work, stdio: ['ignore', 'ignore', 'pipe', socket] },
  );
  const said = text(git.stderr as Readable);
  const [code] = (await once(git, 'exit')) as [number | null];
  socket.destroy();
  if (code !== 0) throw new Error(`git clone: ${(await said).trim() || `exit code ${code}`}`);
}
