import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { appendFile, chmod, chown, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureGitea } from '../../tools/gitea.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { until } from './until.ts';

const run = promisify(execFile);

/** Somebody's Gitea, on a machine of its own: set up by its own commands, with the settings that it comes with. */
export interface ForeignGitea extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** Its administrator, who also uses it. */
  readonly alice: { readonly name: 'alice'; readonly password: string; readonly token: string };
  /** What the administrator does on that machine: append to `app.ini`, and restart. */
  addSettings(lines: string): Promise<void>;
}

/** As `nobody`: Gitea does not run as root. */
export async function startForeignGitea(namespace: NetworkNamespace): Promise<ForeignGitea> {
  const program = await ensureGitea((line) => process.stderr.write(`${line}\n`));
  const directory = await mkdtemp(join(tmpdir(), 'foreign-gitea-'));
  const data = join(directory, 'data');
  const config = join(data, 'app.ini');
  const binary = join(directory, 'gitea');
  const url = `http://${namespace.thereAddress}:3000`;
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, 'nobody'])).stdout)),
  );
  await chmod(directory, 0o755);
  await mkdir(data);
  await cp(program.binary, binary);
  if (program.staticRoot !== undefined) {
    await cp(program.staticRoot, join(directory, 'static'), { recursive: true });
  }
  await writeFile(
    config,
    `WORK_PATH = ${data}
[server]
HTTP_ADDR = ${namespace.thereAddress}
ROOT_URL = ${url}/
DISABLE_SSH = true
OFFLINE_MODE = true
${program.staticRoot === undefined ? '' : `STATIC_ROOT_PATH = ${join(directory, 'static')}`}
[database]
DB_TYPE = sqlite3
[security]
INSTALL_LOCK = true
`,
  );
  await chown(data, uid ?? 0, gid ?? 0);
  await chown(config, uid ?? 0, gid ?? 0);
  const there = (...args: string[]): [string, string[]] => {
    const asNobody = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'];
    const [first = '', ...rest] = [...namespace.prefix, ...asNobody];
    return [first, [...rest, binary, '--config', config, ...args]];
  };
  const environment = { HOME: data, USER: 'nobody', PATH: process.env['PATH'] ?? '' };
  const gitea = async (...args: string[]): Promise<string> =>
    (await run(...there(...args), { env: environment, cwd: data })).stdout.trim();

  let server: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    if (server?.exitCode === null && server.signalCode === null) {
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
  };
  const start = async (): Promise<void> => {
    const log = openSync(join(directory, 'gitea.log'), 'a');
    server = spawn(...there('web'), {
      env: environment,
      cwd: data,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    await until('Gitea to answer', async () => {
      const answer = await fetch(`${url}/api/healthz`).catch(() => undefined);
      return answer?.ok;
    });
  };
  const end = async (): Promise<void> => {
    await stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await gitea('migrate');
    const password = 'correct horse battery';
    const account = ['--username', 'alice', '--email', 'alice@example.com', '--password', password];
    await gitea(...['admin', 'user', 'create', ...account, '--admin']);
    await gitea(...['admin', 'user', 'must-change-password', '--unset', 'alice']);
    const named = ['--username', 'alice', '--token-name', 'set-up', '--scopes', 'all', '--raw'];
    const printed = await gitea('admin', 'user', 'generate-access-token', ...named);
    await start();
    return {
      url,
      alice: { name: 'alice', password, token: printed.split('\n').at(-1) ?? '' },
      async addSettings(lines) {
        await appendFile(config, `\n${lines}\n`);
        await stop();
        await start();
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}
