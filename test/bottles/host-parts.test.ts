import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockDataDirectory } from '../../src/bottles/data-lock.ts';
import { bottlePaths, mirrorPath, runPaths } from '../../src/bottles/directory.ts';
import { readHostId } from '../../src/bottles/host-id.ts';
import { isAlive, ownIdentity } from '../../src/bottles/liveness.ts';
import { Mirrors } from '../../src/bottles/mirror.ts';
import { runHttpBackend } from '../../src/supervisor/git-gate/http-backend.ts';
import { installRuntime } from '../../src/bottles/runtime.ts';
import { makeSocketBase, socketPaths } from '../../src/bottles/sockets.ts';
import { claimUid, releaseUid } from '../../src/bottles/uid.ts';
import { claimJournal } from '../../src/journal/writer.ts';
import { until } from '../support/until.ts';
import { credentials, never } from './host-fixture.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'host-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('liveness', () => {
  const self = ownIdentity('n');

  test('this very process lives', () => {
    expect(isAlive(self)).toBe(true);
  });

  test.for([
    ['another start', { ...self, startTime: '1' }],
    ['another boot', { ...self, bootId: 'x' }],
    ['no such process', { ...self, pid: 4_000_000 }],
  ] as const)('%s: dead', ([, identity]) => {
    expect(isAlive(identity)).toBe(false);
  });

  test('a zombie is dead', async () => {
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 1000']);
    const [line] = (await parent.stdout.take(1).toArray()) as Buffer[];
    const pid = Number(line?.toString());
    const stat = await until('a zombie', () => {
      const text = execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' });
      return text.includes(') Z') && text;
    });
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    expect(isAlive({ ...self, pid, startTime })).toBe(false);
    parent.kill('SIGKILL');
  });
});

describe('the data directory’s lock', () => {
  test('keeps a second orchestrator out, until it is given back', async () => {
    const lock = await lockDataDirectory(directory);
    await expect(lockDataDirectory(directory)).rejects.toMatchObject({
      name: 'DataDirectoryLockedError',
    });
    lock[Symbol.dispose]();
    using _again = await lockDataDirectory(directory);
  });

  test('of a process that was killed is free at once', async () => {
    const source = join(import.meta.dirname, '../../src/bottles/data-lock.ts');
    const holder = spawn(process.execPath, [
      '--input-type=module',
      '--eval',
      `const { lockDataDirectory } = await import(${JSON.stringify(source)});
       await lockDataDirectory(${JSON.stringify(directory)});
       console.log('locked');
       setInterval(() => {}, 1000);`,
    ]);
    await once(holder.stdout, 'data');
    await expect(lockDataDirectory(directory)).rejects.toThrow(/another orchestrator/);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    using _lock = await lockDataDirectory(directory);
  });
});

test('the host’s id is made up once', async () => {
  const id = await readHostId(directory);
  expect(id).toMatch(/^[0-9a-f]{8}$/);
  expect(await readHostId(directory)).toBe(id);
});

describe('sockets', () => {
  test('a path that the system would not take is refused', () => {
    const run = { slug: 's-00000000', run: 1 };
    expect(() => socketPaths(`/${'x'.repeat(90)}`, '/data', run)).toThrow(/too long/);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a directory that somebody else made is refused',
    async () => {
      const runtime = join(directory, 'user');
      await mkdir(join(runtime, 'bot-bottle'), { recursive: true });
      execFileSync('chown', ['1234', runtime]);
      expect(() => makeSocketBase(1234, runtime)).toThrow(/somebody else/);
    },
  );
});

test.skipIf(process.getuid?.() !== 0)(
  'each bottle has a user of its own, the same when asked again',
  async () => {
    const slugs = Array.from({ length: 10 }, (_, i) => `s-${i}`);
    const uids = slugs.map((slug) => claimUid(directory, slug));
    expect(new Set(uids).size).toBe(10);
    expect(claimUid(directory, 's-3')).toBe(uids[3]);
    releaseUid(directory, 's-3');
    expect(claimUid(directory, 'another')).toBe(uids[3]);
  },
);

test('a runtime is installed once for each content, also by several at once', async () => {
  const source = join(directory, 'built');
  await mkdir(join(source, 'bin'), { recursive: true });
  await writeFile(join(source, 'supervisor.cjs'), 'one');
  const data = join(directory, 'data');
  const installed = await Promise.all([1, 2, 3].map(() => installRuntime(data, source)));
  await writeFile(join(source, 'supervisor.cjs'), 'two');
  const next = await installRuntime(data, source);

  expect(new Set(installed).size).toBe(1);
  expect(next).not.toBe(installed[0]);
  expect((await readdir(join(data, 'runtime'))).toSorted()).toHaveLength(2);
  expect((await stat(join(next, 'bin', 'node'))).mode & 0o111).toBe(0o111);
});

describe('a mirror', () => {
  const own = 'bot-bottle/issue-1';
  const repository = (cloneUrl: string) => ({
    id: 7,
    forgeHost: 'forge.example',
    owner: 'acme',
    name: 'site',
    cloneUrl,
    defaultBranch: 'trunk',
  });

  const person = {
    ...process.env,
    GIT_COMMITTER_NAME: 't',
    GIT_COMMITTER_EMAIL: 't@example.test',
  };

  const urlOf = (server: Server): string =>
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function makeUpstream(): Promise<string> {
    const upstream = join(directory, 'upstream');
    const git = (...args: string[]): string =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], {
        cwd: upstream,
        encoding: 'utf8',
      });
    await mkdir(upstream);
    git('init', '--quiet', '--initial-branch=trunk');
    git('commit', '--quiet', '--allow-empty', '--message=first');
    git('branch', 'gone-soon');
    return upstream;
  }

  const branches = (path: string): string =>
    execFileSync('git', ['-C', path, 'for-each-ref', '--format=%(refname:short)'], {
      encoding: 'utf8',
    });

  test('has what the forge has, also for many who ask at once', async () => {
    const upstream = await makeUpstream();
    const mirrors = new Mirrors(directory);
    const ask = () => mirrors.update(repository(`file://${upstream}`), own, credentials, never);
    await Promise.all([ask(), ask(), ask(), ask()]);
    execFileSync('git', ['-C', upstream, 'branch', '-D', 'gone-soon'], { stdio: 'ignore' });
    await ask();

    expect(branches(mirrorPath(directory, 7))).toBe('trunk\n');
    expect(await readdir(join(directory, 'mirrors'))).toEqual(['7']);
  });

  test('is not fetched again while the forge has what it has', async () => {
    const upstream = await makeUpstream();
    const asked: string[] = [];
    const forge = createServer((incoming, response) => {
      asked.push((incoming.url ?? '').split('?')[0] ?? '');
      void runHttpBackend({
        request: incoming,
        body: incoming,
        response,
        repository: join(upstream, '.git'),
        path: (incoming.url ?? '').replace(/^\/site\.git|\?.*$/g, ''),
        query: (incoming.url ?? '').split('?')[1] ?? '',
        environment: { PATH: '/usr/bin:/bin' },
        finishWithoutClient: false,
      }).then(() => response.end());
    });
    await new Promise<void>((resolve) => forge.listen(0, '127.0.0.1', resolve));
    const mirrors = new Mirrors(directory);
    const update = () =>
      mirrors.update(repository(`${urlOf(forge)}/site.git`), own, credentials, never);
    await update();
    expect(asked).toContain('/site.git/git-upload-pack');
    asked.length = 0;
    await update();
    expect(asked).toEqual(['/site.git/info/refs']);
    execFileSync('git', ['-C', upstream, 'tag', '-a', '-m', 'one', 'v1'], { env: person });
    await update();
    expect(asked).toContain('/site.git/git-upload-pack');
    asked.length = 0;
    await update();
    // A branch that only the mirror has, since its deletion was not seen, is not taken for the forge's.
    execFileSync('git', ['-C', mirrorPath(directory, 7), 'branch', 'stale', 'trunk']);
    await update();
    forge.closeAllConnections();
    forge.close();

    expect(branches(mirrorPath(directory, 7))).toBe('gone-soon\ntrunk\nv1\n');
  });

  test('leaves the branch of another living run to its pushes, and takes it when nobody pushes there', async () => {
    const upstream = await makeUpstream();
    const mirrors = new Mirrors(directory);
    const update = () => mirrors.update(repository(`file://${upstream}`), own, credentials, never);
    execFileSync('git', ['-C', upstream, 'branch', own]);
    execFileSync('git', ['-C', upstream, 'branch', 'bot-bottle/issue-2']);
    const { runs } = bottlePaths(directory, 'other-2-01234567');
    const living = runPaths(runs, 1);
    await mkdir(living.root, { recursive: true });
    const sandbox = { repository: { id: 7 }, branch: 'bot-bottle/issue-2' };
    await writeFile(living.launch, JSON.stringify({ version: 1, sandbox }));
    const journal = await claimJournal(living.journal, {
      type: 'claimed',
      version: 1,
      at: 1,
      slug: 'other-2-01234567',
      run: 1,
      supervisor: ownIdentity('nonce'),
    });

    await update();
    expect(branches(mirrorPath(directory, 7))).toBe(`${own}\ngone-soon\ntrunk\n`);
    await journal?.close();
    await rm(living.root, { recursive: true });
    await update();
    expect(branches(mirrorPath(directory, 7))).toContain('bot-bottle/issue-2');
  });

  test('is mended when a killed git left its lock', async () => {
    const upstream = await makeUpstream();
    const mirrors = new Mirrors(directory);
    await mirrors.update(repository(`file://${upstream}`), own, credentials, never);
    const path = mirrorPath(directory, 7);
    for (const lock of ['packed-refs.lock', 'refs/heads/new.lock']) {
      await writeFile(join(path, lock), '');
      await utimes(join(path, lock), 1, 1);
    }
    execFileSync('git', ['-C', upstream, 'branch', 'new']);
    execFileSync('git', ['-C', upstream, 'branch', '-D', 'gone-soon'], { stdio: 'ignore' });
    await mirrors.update(repository(`file://${upstream}`), own, credentials, never);

    expect(branches(path)).toBe('new\ntrunk\n');
  });

  test.for([
    [401, 'LaunchRefusedError'],
    [403, 'LaunchRefusedError'],
    [404, 'LaunchRefusedError'],
    [301, 'LaunchRefusedError'],
    [500, 'Error'],
  ] as const)('a forge that answers %i: %s, without the token in it', async ([status, name]) => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `${urlOf(server)}/acme/site.git`;
    const update = new Mirrors(directory).update(repository(url), own, credentials, never);

    await expect(update).rejects.toMatchObject({
      name,
      message: expect.not.stringContaining(credentials.token),
    });
    const basic = Buffer.from(`${credentials.login}:${credentials.token}`).toString('base64');
    expect(seen[0]).toBe(`Basic ${basic}`);
    server.close();
  });

  test('the token follows no redirect', async () => {
    const seen: (string | undefined)[] = [];
    const thief = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401).end();
    });
    const forge = createServer((request, response) => {
      response.writeHead(302, { location: `${urlOf(thief)}${request.url}` }).end();
    });
    for (const server of [thief, forge]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    }
    const url = `${urlOf(forge)}/acme/site.git`;
    const update = new Mirrors(directory).update(repository(url), own, credentials, never);

    await expect(update).rejects.toThrow(/redirect/);
    expect(seen).toEqual([]);
    thief.close();
    forge.close();
  });

  test('a forge that does not answer is worth another try', async () => {
    const update = new Mirrors(directory).update(
      repository('http://127.0.0.1:9/site.git'),
      own,
      credentials,
      never,
    );
    await expect(update).rejects.toMatchObject({ name: 'Error' });
  });
});
