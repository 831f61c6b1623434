import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inside } from '../bottles/directory.ts';
import type { CloneOrder, LauncherMessage, SupervisorMessage } from '../bottles/launch-protocol.ts';

/**
 * The first program inside a bottle. Hands the door's listener out to the supervisor, clones, and becomes the agent.
 *
 * The agent is executed only after a round trip to the supervisor: a supervisor that was killed cannot answer, and
 * without it this program ends. So no agent ever runs whose supervisor died before bubblewrap was watching it.
 */
process.once('disconnect', () => process.exit(1));
process.on('message', (message: SupervisorMessage) => {
  if (message.type === 'setup') void setUp(message.clone);
  else execute(message.argv, message.environment);
});

const door = createServer();
door.listen(inside.doorPort, '127.0.0.1', () => {
  process.send?.({ type: 'listening' } satisfies LauncherMessage, door, {}, () => door.close());
});

async function setUp(order: CloneOrder | undefined): Promise<void> {
  try {
    if (order !== undefined) await clone(order);
    report({ type: 'ready' });
  } catch (error) {
    report({ type: 'clone-failed', reason: (error as Error).message });
  }
}

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

/** git speaks to the supervisor's `upload-pack` over a socket that it inherits; its origin is the address that lasts. */
async function clone({ url, branch, branchExists, settings }: CloneOrder): Promise<void> {
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
  if (code !== 0) throw new Error((await said).trim() || `exit code ${code}`);
}

function execute(argv: readonly string[], environment: Readonly<Record<string, string>>): void {
  for (const descriptor of inheritedDescriptors()) closeSync(descriptor);
  // Node ignores some signals, and an ignored signal stays ignored: `env` restores them. It also looks the program up,
  // and ends with 127 and a line that says so when there is none.
  const env = ['env', '--default-signal', '--', ...argv];
  (process.execve as NonNullable<typeof process.execve>)('/usr/bin/env', env, { ...environment });
}

/** Those that the agent would get besides stdin, stdout and stderr. All others close by themselves. */
function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && !closesOnExec(descriptor));
}

function closesOnExec(descriptor: number): boolean {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
    return (Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info)?.[1] ?? '0', 8) & 0o2000000) !== 0;
  } catch {
    // The descriptor of the listing itself: closed since.
    return true;
  }
}

function report(message: LauncherMessage): void {
  process.send?.(message);
}
