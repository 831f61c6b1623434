import { randomBytes } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chmod, chown, copyFile, cp, link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readToolEnvironment } from '../../tools/environment.ts';
import type { GiteaProgram } from '../../tools/gitea.ts';
import { runProgram } from '../../tools/program.ts';
import { freePort, requireFreePort } from './free-port.ts';
import { startServerProcess } from './server-process.ts';

/** Gitea refuses to run as root. */
const ORDINARY_USER = 'nobody';
const ADMIN = 'site-admin';

export interface GiteaServerOptions {
  /** From `ensureGitea`. */
  readonly program: GiteaProgram;
  /** Holds everything; made when absent. Started again in the same one, Gitea has its data of before. */
  readonly directory: string;
  /** The one of the last start in this directory unless given, else a free one. */
  readonly port?: number;
  /** Gives the start up. */
  readonly signal?: AbortSignal;
}

export interface GiteaServer {
  /** `http://127.0.0.1:3000`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** A site administrator's token with every scope. */
  readonly adminToken: string;
  readonly pid: number;
  /** Resolves when the process has ended, however. */
  readonly exited: Promise<void>;
  /** Ends it and resolves when it has ended; also after a `kill -9` of `pid`, and more than once. */
  stop(): Promise<void>;
}

/** How Gitea's program is run: as whom, from where. */
interface Runner {
  readonly program: GiteaProgram;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Starts a throw-away Gitea on 127.0.0.1 (SQLite, no registration, webhooks to loopback only) and waits until it is
 * healthy. As root it runs as `nobody`, who must be able to enter the directory. Rejects when the port is taken or it does
 * not start; no process is left then.
 */
export async function startGiteaServer(options: GiteaServerOptions): Promise<GiteaServer> {
  const { directory } = options;
  const [dataDirectory, config] = [join(directory, 'data'), join(directory, 'data', 'app.ini')];
  const runner = await prepareRunner(options.program, directory, dataDirectory);
  const port = options.port ?? (await configuredPort(config)) ?? (await freePort());
  await requireFreePort(port, 'Gitea');
  const url = `http://127.0.0.1:${String(port)}`;
  if (existsSync(config)) {
    await setPort(config, port);
  } else {
    await writeFile(config, configText(dataDirectory, runner.program, port), { mode: 0o600 });
    await giveTo(runner, config);
  }
  const adminToken = await ensureAdmin(runner, config, join(directory, 'admin-token'));
  options.signal?.throwIfAborted();
  const server = await startServerProcess(
    {
      title: 'Gitea',
      binary: runner.program.binary,
      args: ['--config', config, 'web'],
      cwd: runner.cwd,
      env: runner.env,
      ...userOf(runner),
      logFile: join(directory, 'gitea.log'),
      signal: options.signal,
    },
    async () => (await fetch(`${url}/api/healthz`)).ok,
  );
  return { url, port, adminToken, ...server };
}

async function prepareRunner(
  program: GiteaProgram,
  directory: string,
  dataDirectory: string,
): Promise<Runner> {
  await mkdir(dataDirectory, { recursive: true });
  const env = { HOME: dataDirectory, USER: ORDINARY_USER, PATH: readToolEnvironment().path };
  if (process.getuid?.() !== 0) {
    return { program, cwd: dataDirectory, env };
  }
  const idOf = async (flag: string): Promise<number> =>
    Number(await runProgram('id', [flag, ORDINARY_USER]));
  const user = { uid: await idOf('-u'), gid: await idOf('-g') };
  await chmod(directory, 0o755);
  requireOthersMayEnter(directory);
  await chown(dataDirectory, user.uid, user.gid);
  return {
    program: await copyForOthers(program, join(directory, 'program')),
    cwd: dataDirectory,
    env,
    ...user,
  };
}

/** The cache lies in root's home, which others may not enter. */
async function copyForOthers(program: GiteaProgram, directory: string): Promise<GiteaProgram> {
  const [binary, staticRoot] = [join(directory, 'gitea'), join(directory, 'static')];
  await mkdir(directory, { recursive: true });
  if (!existsSync(binary)) {
    await link(program.binary, binary).catch(() => copyFile(program.binary, binary));
  }
  if (program.staticRoot === undefined) {
    return { binary };
  }
  if (!existsSync(staticRoot)) {
    await cp(program.staticRoot, staticRoot, { recursive: true });
  }
  return { binary, staticRoot };
}

function requireOthersMayEnter(directory: string): void {
  for (let folder = directory; folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) {
      throw new Error(
        `Gitea runs as ${ORDINARY_USER}, who may not enter ${folder}: choose a directory that others may enter, such as one in /tmp`,
      );
    }
  }
}

async function giveTo(runner: Runner, file: string): Promise<void> {
  if (runner.uid !== undefined && runner.gid !== undefined) {
    await chown(file, runner.uid, runner.gid);
  }
}

function userOf(runner: Runner): { uid?: number; gid?: number } {
  return {
    ...(runner.uid !== undefined && { uid: runner.uid }),
    ...(runner.gid !== undefined && { gid: runner.gid }),
  };
}

async function configuredPort(config: string): Promise<number | undefined> {
  const text = existsSync(config) ? await readFile(config, 'utf8') : '';
  const [, port] = /^HTTP_PORT *= *(\d+)$/m.exec(text) ?? [];
  return port === undefined ? undefined : Number(port);
}

/** The rest of the file is kept: Gitea writes secrets of its own into it. */
async function setPort(config: string, port: number): Promise<void> {
  const text = await readFile(config, 'utf8');
  const changed = text
    .replace(/^(HTTP_PORT *= *).*$/m, `$1${String(port)}`)
    .replace(/^(ROOT_URL *= *).*$/m, `$1http://127.0.0.1:${String(port)}/`);
  if (changed !== text) {
    await writeFile(config, changed);
  }
}

function configText(dataDirectory: string, program: GiteaProgram, port: number): string {
  return `WORK_PATH = ${dataDirectory}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${String(port)}
ROOT_URL = http://127.0.0.1:${String(port)}/
DISABLE_SSH = true
OFFLINE_MODE = true
GRACEFUL_HAMMER_TIME = 5s
${program.staticRoot === undefined ? '' : `STATIC_ROOT_PATH = ${program.staticRoot}`}
[database]
DB_TYPE = sqlite3
SQLITE_JOURNAL_MODE = WAL
[security]
INSTALL_LOCK = true
[service]
DISABLE_REGISTRATION = true
[webhook]
ALLOWED_HOST_LIST = loopback
[queue.webhook_sender]
; delivers at once; the default queue polls with a back-off of up to 2 s
TYPE = channel
[actions]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
LEVEL = Warn
`;
}

/** The administrator's token, kept in `tokenFile`; on the first start the database and the account are made. */
async function ensureAdmin(runner: Runner, config: string, tokenFile: string): Promise<string> {
  if (existsSync(tokenFile)) {
    return (await readFile(tokenFile, 'utf8')).trim();
  }
  const gitea = (...args: string[]): Promise<string> =>
    runProgram(runner.program.binary, ['--config', config, ...args], {
      cwd: runner.cwd,
      env: runner.env,
      ...userOf(runner),
    });
  await gitea('migrate');
  const account = ['--username', ADMIN, '--email', `${ADMIN}@localhost.invalid`];
  const password = randomBytes(16).toString('hex');
  const create = ['admin', 'user', 'create', ...account, '--password', password];
  await gitea(...create, '--admin', '--must-change-password=false');
  const tokenArgs = [
    '--username',
    ADMIN,
    '--token-name',
    'administration',
    '--scopes',
    'all',
    '--raw',
  ];
  const output = await gitea('admin', 'user', 'generate-access-token', ...tokenArgs);
  const token = output.trim().split('\n').at(-1) ?? '';
  if (!/^[0-9a-f]{40}$/.test(token)) {
    throw new Error('Gitea did not answer with a token for its administrator');
  }
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  return token;
}
