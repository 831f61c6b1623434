import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Operation } from '../../../src/domain/operation.ts';
import type { JournalEntry } from '../../../src/journal/format.ts';
import { createGitGate, repositoryPath } from '../../../src/supervisor/git-gate/git-gate.ts';
import type { GitGate } from '../../../src/supervisor/git-gate/git-gate.ts';
import { runHttpBackend } from '../../../src/supervisor/git-gate/http-backend.ts';
import { createOperationLog } from '../../../src/supervisor/operation-log.ts';

const hostEnvironment = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };

export const login = 'bot';
export const token = 'sesame-4711';
export const hooksDirectory = join(import.meta.dirname, '../../../src/supervisor/git-gate/hooks');

/** A forge's repository behind real HTTP with a password, a mirror of it, and a gate in front of the mirror. */
export interface Stand {
  readonly root: string;
  readonly upstream: string;
  readonly mirror: string;
  readonly gate: GitGate;
  /** What a bottle clones from. */
  readonly origin: string;
  readonly entries: JournalEntry[];
  done: boolean;
  /** When set, the forge answers this status to every request. */
  forgeStatus: number | undefined;
  /** Awaited before the forge takes a push. */
  beforeForgePush: (() => Promise<void>) | undefined;
  /** Calls the gate reported as check-ins. */
  calls: number;
  operations(): Operation[];
  /** Another bottle's branch, behind a gate of its own on the same mirror. */
  openGate(branch: string, options?: { credentials?: boolean; budget?: number }): Promise<string>;
  clone(name: string, origin?: string): Promise<string>;
  close(): Promise<void>;
}

export async function openStand(branch = 'bot-bottle/issue-7'): Promise<Stand> {
  const root = await mkdtemp(join(tmpdir(), 'git-gate-'));
  const upstream = join(root, 'upstream.git');
  const mirror = join(root, 'mirror.git');
  const servers: Server[] = [];
  const entries: JournalEntry[] = [];

  await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', upstream);
  await git(upstream, 'config', 'http.receivepack', 'true');
  const seed = join(root, 'seed');
  await git(root, 'clone', '--quiet', upstream, seed);
  await commit(seed, 'README.md', '# Seed\n');
  await git(seed, 'push', '--quiet', 'origin', 'HEAD:main');

  const forge = await listen(servers, async (request, response) => {
    const expected = `Basic ${Buffer.from(`${login}:${token}`).toString('base64')}`;
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (stand.forgeStatus !== undefined || request.headers.authorization !== expected) {
      response.writeHead(stand.forgeStatus ?? 401, { 'www-authenticate': 'Basic' }).end();
      return;
    }
    if (path.endsWith('/git-receive-pack')) {
      await stand.beforeForgePush?.();
    }
    await runHttpBackend({
      request,
      response,
      body: request,
      repository: upstream,
      path: path.slice('/acme/widgets.git'.length),
      query,
      environment: hostEnvironment,
      finishWithoutClient: false,
    });
    response.end();
  });
  const cloneUrl = `${forge}/acme/widgets.git`;

  await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', mirror);
  await git(mirror, 'fetch', '--quiet', upstream, '+refs/heads/*:refs/heads/*');

  const makeGate = (own: string, budget?: number): GitGate =>
    createGitGate({
      mirror,
      hooks: hooksDirectory,
      upstream: cloneUrl,
      branch: own,
      environment: hostEnvironment,
      operations: createOperationLog(
        {
          async append(entry) {
            entries.push(entry);
          },
        },
        budget,
      ),
      isDone: () => stand.done,
      onCall: () => {
        stand.calls++;
      },
    });
  const serve = async (gate: GitGate): Promise<string> =>
    (await listen(servers, (request, response) => gate.handle(request, response))) + repositoryPath;

  const gate = makeGate(branch);
  gate.setCredentials({ apiUrl: `${forge}/api/v1`, login, token });
  const stand: Stand = {
    root,
    upstream,
    mirror,
    gate,
    origin: await serve(gate),
    entries,
    done: false,
    forgeStatus: undefined,
    beforeForgePush: undefined,
    calls: 0,
    operations: () =>
      entries.flatMap((entry) => (entry.type === 'operation' ? [entry.operation] : [])),
    async openGate(own, { credentials = true, budget } = {}) {
      const other = makeGate(own, budget);
      if (credentials) {
        other.setCredentials({ apiUrl: `${forge}/api/v1`, login, token });
      }
      return serve(other);
    },
    async clone(name, origin = stand.origin) {
      const directory = join(root, name);
      await git(root, 'clone', '--quiet', origin, directory);
      return directory;
    },
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await rm(root, { recursive: true, force: true });
    },
  };
  return stand;
}

export interface GitResult {
  readonly code: number;
  readonly out: string;
}

/** Runs git as an agent would; resolves with its output whatever its exit code. */
export async function tryGit(directory: string, ...args: string[]): Promise<GitResult> {
  try {
    const { stdout, stderr } = await promisify(execFile)('git', args, {
      cwd: directory,
      env: {
        ...hostEnvironment,
        HOME: directory,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_TERMINAL_PROMPT: '0',
        GIT_AUTHOR_NAME: 'Agent',
        GIT_AUTHOR_EMAIL: 'agent@bottle.example',
        GIT_COMMITTER_NAME: 'Agent',
        GIT_COMMITTER_EMAIL: 'agent@bottle.example',
      },
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: 0, out: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

/** Runs git and gives its trimmed output. @throws Error when it fails */
export async function git(directory: string, ...args: string[]): Promise<string> {
  const { code, out } = await tryGit(directory, ...args);
  if (code !== 0) {
    throw new Error(`git ${args.join(' ')}: ${out}`);
  }
  return out.trim();
}

export async function commit(directory: string, file: string, content: string | Buffer) {
  await writeFile(join(directory, file), content);
  await git(directory, 'add', '--all');
  await git(directory, 'commit', '--quiet', '--message', `Change ${file}`);
  return git(directory, 'rev-parse', 'HEAD');
}

async function listen(
  servers: Server[],
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<string> {
  const server = createServer((request, response) => void handle(request, response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
