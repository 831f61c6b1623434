import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import type { Server } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import type {
  BackendCheck,
  BottleBackend,
  RunningSandbox,
  Sandbox,
  SandboxExit,
  SpareRequest,
  SpareSandbox,
} from '../backend.ts';
import type { LauncherChannel, LauncherMessage } from '../launch-protocol.ts';
import { readManifest } from '../manifest.ts';
import { makeStateDirectories } from '../state-directories.ts';
import { systemEnvironment } from '../system.ts';
import { bubblewrapArguments, isolation, type Mounts, systemDirectories } from './bubblewrap.ts';
import { enforceableLimits, makeCgroups, moveInto, removeCgroups } from './cgroup.ts';
import { signalProcess } from '../processes.ts';
import { killSandboxProcesses, listSandboxProcesses } from './sandbox-processes.ts';
import { seccompProgram } from './seccomp.ts';

/** Bottles as bubblewrap sandboxes on the host's own programs. Linux only. */
export function createLocalBackend(): BottleBackend {
  return {
    name: 'local',
    check: checkSandboxes,
    async checkImage() {},
    async prepare({ paths }) {
      makeStateDirectories(paths);
    },
    spawn: spawnSandbox,
    spawnSpare,
    async freeze(paths) {
      await killSandboxProcesses(paths.slug, readManifest(paths)?.uid);
    },
    async destroy(paths) {
      await killSandboxProcesses(paths.slug, readManifest(paths)?.uid);
      await removeCgroups(paths.slug);
    },
  };
}

function spawnSandbox(sandbox: Sandbox): RunningSandbox {
  const { paths, limits } = sandbox;
  const uid = readManifest(paths)?.uid;
  const cgroups = uid === undefined ? [] : makeCgroups(paths.slug, limits);
  const child = startBubblewrap(sandbox, sandbox.tools, uid, cgroups);
  return runningSandbox(child, overIpc(child), exitOf(child), paths.slug, uid);
}

function spawnSpare(sandbox: SpareRequest): SpareSandbox {
  const { slug } = sandbox.paths;
  const uid = readManifest(sandbox.paths)?.uid;
  const child = startBubblewrap(sandbox, [], uid, []);
  const channel = overIpc(child);
  const exited = exitOf(child);
  // From then on, until it is told something, it has no further processes.
  const listening = new Promise<number[]>((resolve) => {
    child.once('message', () => resolve([child.pid as number, ...listSandboxProcesses(slug)]));
  });
  return {
    ready: listening.then(() => undefined),
    adopt(paths, limits) {
      const limited = listening.then((pids) =>
        uid === undefined ? undefined : moveInto(makeCgroups(paths.slug, limits), pids),
      );
      limited.catch(() => {});
      const send: LauncherChannel['send'] = async (message) => {
        await limited;
        await channel.send(message);
      };
      return runningSandbox(child, { ...channel, send }, exited, paths.slug, uid);
    },
    end: () => void child.kill('SIGKILL'),
  };
}

function startBubblewrap(
  { paths: { root }, runtimeDirectory, socketDirectory, promptFile }: SpareRequest,
  tools: readonly string[],
  uid: number | undefined,
  cgroups: readonly string[],
): ChildProcess {
  const mounts: Mounts = { bottle: root, runtime: runtimeDirectory, sockets: socketDirectory };
  const prompt = relative(root, promptFile);
  const [program, ...args] =
    uid === undefined
      ? withoutEnvironment(bubblewrapArguments(mounts, prompt, tools))
      : asUser(uid, mounts, prompt, tools, cgroups);
  const child = spawn(program, args, {
    env: systemEnvironment,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
  });
  give(seccompProgram(), child.stdio[4] as Writable);
  return child;
}

function runningSandbox(
  child: ChildProcess,
  launcher: LauncherChannel,
  exited: Promise<SandboxExit>,
  slug: string,
  uid: number | undefined,
): RunningSandbox {
  return {
    stdout: child.stdout as Readable,
    stderr: child.stderr as Readable,
    launcher,
    exited,
    terminate() {
      // The first process inside has no handler and is not hurt: it stays to reap the others and to report the exit code.
      for (const pid of listSandboxProcesses(slug)) signalProcess(pid, 'SIGTERM');
    },
    async kill() {
      child.kill('SIGKILL');
      await killSandboxProcesses(slug, uid);
    },
  };
}

/** The IPC channel leads to the launcher until it becomes the agent. What it says before anybody listens is kept. */
function overIpc(child: ChildProcess): LauncherChannel {
  const said: Parameters<Listener>[] = [];
  let listener: Listener = (...message) => void said.push(message);
  child.on('message', (message, handle) =>
    listener(message as LauncherMessage, handle as Server | undefined),
  );
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        child.send(message, (error) => (error === null ? resolve() : reject(error)));
      }),
    onMessage(next) {
      listener = next;
      for (const message of said.splice(0)) next(...message);
    },
    closed: new Promise((resolve) => child.once('disconnect', () => resolve())),
  };
}

type Listener = Parameters<LauncherChannel['onMessage']>[0];

function exitOf(child: ChildProcess): Promise<SandboxExit> {
  const drained = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const reason = signal === null ? undefined : `the sandbox was ended by ${signal}`;
      resolve({ code: code ?? undefined, reason, drained });
    });
    child.once('error', ({ message }) => {
      resolve({ code: undefined, reason: message, drained: Promise.resolve() });
    });
  });
}

/** bubblewrap that does not read to the end has failed, and says so itself. */
function give(program: Buffer, bubblewrap: Writable | null): void {
  bubblewrap?.on('error', () => undefined).end(program);
}

/** bubblewrap is the first process inside, where its environment can be read: it gets none. */
function withoutEnvironment(bubblewrap: string[]): [string, ...string[]] {
  return ['env', '-i', ...bubblewrap];
}

/**
 * Starts bubblewrap as the bottle's user, to whom the data directory may be closed (below `/root`, say): what it mounts is
 * first bound to places that are open to it, in a mount namespace that nobody else sees. Each step replaces the one before
 * it, so that bubblewrap is the supervisor's direct child and dies with it.
 */
function asUser(
  uid: number,
  mounts: Mounts,
  prompt: string,
  tools: readonly string[],
  cgroups: readonly string[],
): [string, ...string[]] {
  const stages = stagingPlaces(Object.values(mounts), tools);
  const toolsStage = stages[Object.keys(mounts).length] ?? '';
  // One `mount` for all of them: each costs as much as the sandbox itself.
  const table = join(mounts.bottle, 'fstab');
  const binds = Object.values(mounts).map(
    (path, index) => `${escapeInTable(path)} ${stages[index]} none bind 0 0\n`,
  );
  writeFileSync(table, binds.join(''), { mode: 0o600 });
  const names = Object.keys(mounts) as (keyof Mounts)[];
  const staged = Object.fromEntries(names.map((name, index) => [name, stages[index]]));
  const script = [
    'set -e',
    ...cgroups.map((file) => `echo $$ > ${quote(file)}`),
    `mount --all --fstab ${quote(table)}`,
    ...stageTools(tools, toolsStage),
    'exec "$@"',
  ].join('\n');
  const user = String(uid);
  return [
    'unshare',
    ...['--mount', '--propagation', 'private', '--', 'sh', '-c', script, 'sh', 'setpriv'],
    ...['--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs', '--'],
    ...withoutEnvironment(
      bubblewrapArguments(
        staged as unknown as Mounts,
        prompt,
        tools.map((tool) => `${toolsStage}/${basename(tool)}`),
      ),
    ),
  ];
}

/** Lines of a shell that make the tools appear below a place, under the names that they have inside. */
function stageTools(tools: readonly string[], place: string): string[] {
  if (tools.length === 0) return [];
  return [
    `mount -t tmpfs -o mode=0755 tools ${place}`,
    ...tools.flatMap((tool) => {
      const target = quote(`${place}/${basename(tool)}`);
      const make = statSync(tool).isDirectory() ? 'mkdir --' : 'touch --';
      return [`${make} ${target}`, `mount --bind -- ${quote(tool)} ${target}`];
    }),
  ];
}

/**
 * Directories that every Linux has and that hide none of the paths when something is mounted on them: one for each
 * mount, and one for all tools.
 */
function stagingPlaces(mounts: readonly string[], tools: readonly string[]): string[] {
  const paths = [...mounts, ...tools];
  const needed = mounts.length + Math.min(tools.length, 1);
  const places = ['/mnt', '/media', '/srv', '/opt', '/boot', '/home'];
  const free = places.filter(
    (place) => existsSync(place) && !paths.some((path) => `${path}/`.startsWith(`${place}/`)),
  );
  if (free.length < needed) {
    throw new Error(`too few of ${places.join(', ')} can be mounted on`);
  }
  return free;
}

/** As fstab(5) has it. */
function escapeInTable(path: string): string {
  return path.replaceAll(
    /[\s\\#]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const run = promisify(execFile);

/** Starts an empty sandbox with the very flags that bottles have. */
async function checkSandboxes(): Promise<BackendCheck> {
  const probe = [
    'bwrap',
    ...isolation,
    ...['--seccomp', '0'],
    ...systemDirectories(),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    'true',
  ];
  const asNobody = [
    '--reuid',
    '65534',
    '--regid',
    '65534',
    '--clear-groups',
    '--no-new-privs',
    '--',
  ];
  const [program, ...args] =
    process.getuid?.() === 0
      ? (['unshare', '--mount', '--', 'setpriv', ...asNobody, ...probe] as const)
      : (['bwrap', ...probe.slice(1)] as const);
  try {
    const filter = seccompProgram();
    const trial = run(program, args, { env: systemEnvironment, timeout: 10_000 });
    give(filter, trial.child.stdin);
    await trial;
    return { usable: true, limits: enforceableLimits() };
  } catch (error) {
    return {
      usable: false,
      ...explain(error as { code?: unknown; stderr?: string; message: string }),
    };
  }
}

function explain(error: { code?: unknown; stderr?: string; message: string }): {
  reason: string;
  fix: string;
} {
  const said = (error.stderr ?? '').trim() || error.message;
  if (error.code === 'ENOENT' || /No such file or directory/.test(said)) {
    return {
      reason: `bubblewrap or util-linux is missing (${said})`,
      fix: 'Install the packages bubblewrap and util-linux.',
    };
  }
  if (/Unknown option/.test(said)) {
    return {
      reason: `bubblewrap is too old (${said})`,
      fix: 'Install bubblewrap 0.8 or newer.',
    };
  }
  if (/mount proc/.test(said)) {
    return {
      reason: `a sandbox gets no /proc of its own here (${said})`,
      fix:
        'Parts of /proc are hidden or read-only. In a container, start it with the security options of compose.yaml; in a systemd ' +
        'service, take away what packaging/systemd/bot-bottle-orchestrator.service names.',
    };
  }
  if (/uid map|user namespace|Operation not permitted|Permission denied/i.test(said)) {
    return {
      reason: `this system refuses user namespaces (${said})`,
      fix:
        'Where AppArmor restricts them (Ubuntu 24.04 and later), add a profile for /usr/bin/bwrap that has `userns,`, or set ' +
        'the sysctl kernel.apparmor_restrict_unprivileged_userns=0; elsewhere check user.max_user_namespaces. ' +
        'In a container, start it with the security options of compose.yaml, or use the docker backend.',
    };
  }
  return {
    reason: `bubblewrap does not work here (${said})`,
    fix: 'Run `bwrap --version` and the command above by hand.',
  };
}
