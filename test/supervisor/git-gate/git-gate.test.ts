import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { deltaBomb, pushRequest } from './delta-bomb.ts';
import { commit, git, openStand, token, tryGit } from './stand.ts';
import type { Stand } from './stand.ts';

const branch = 'bot-bottle/issue-7';
const nothing = '0'.repeat(40);

describe('the git gate', () => {
  let stand: Stand;
  beforeEach(async () => {
    stand = await openStand(branch);
  });
  afterEach(async () => {
    await stand.close();
  });

  const forgeHas = (ref = branch): Promise<string> =>
    git(stand.upstream, 'for-each-ref', '--format=%(objectname)', `refs/heads/${ref}`);
  const mirrorHas = (ref = branch): Promise<string> =>
    git(stand.mirror, 'for-each-ref', '--format=%(objectname)', `refs/heads/${ref}`);

  async function workOnBranch(name = 'work'): Promise<string> {
    const work = await stand.clone(name);
    await git(work, 'checkout', '--quiet', '-b', branch);
    return work;
  }

  async function expectRefused(args: string[], message: string): Promise<void> {
    const work = await workOnBranch();
    await commit(work, 'a.txt', 'a\n');
    const main = await forgeHas('main');
    const { code, out } = await tryGit(work, 'push', 'origin', ...args);
    expect(code).not.toBe(0);
    expect(out).toContain(`remote: bot-bottle: ${message}`);
    expect(await git(stand.upstream, 'for-each-ref', '--format=%(refname) %(objectname)')).toBe(
      `refs/heads/main ${main}`,
    );
    expect(await mirrorHas()).toBe('');
    expect(stand.operations()).toMatchObject([
      { operation: 'git_push', outcome: 'rejected', reason: expect.stringContaining(message) },
    ]);
  }

  describe('reading', () => {
    test.each(['0', '1', '2'])('serves a clone over protocol version %s', async (version) => {
      const work = join(stand.root, 'work');
      await git(stand.root, '-c', `protocol.version=${version}`, 'clone', stand.origin, work);
      expect(await git(work, 'log', '--format=%s', 'origin/main')).toBe('Change README.md');
      expect(stand.calls).toBeGreaterThan(0);
      expect(stand.operations()).toEqual([]);
    });

    test('understands the compressed request of a fetch with many refs to compare', async () => {
      const work = await workOnBranch();
      for (let i = 0; i < 40; i++) {
        await git(work, 'commit', '--quiet', '--allow-empty', '--message', `Local ${i}`);
        await git(work, 'tag', `local-${i}`);
      }
      await commit(join(stand.root, 'seed'), 'news.md', 'news\n');
      const seed = join(stand.root, 'seed');
      await git(seed, 'push', '--quiet', stand.mirror, 'HEAD:main');
      const fetched = await tryGit(work, '-c', 'protocol.version=0', 'fetch', 'origin');
      expect(fetched).toMatchObject({ code: 0 });
      expect(await git(work, 'show', 'origin/main:news.md')).toBe('news');
    });

    test('goes on while a push to the same mirror is under way', async () => {
      const work = await workOnBranch();
      await commit(work, 'a.txt', 'a\n');
      let reached = false;
      const { promise, resolve } = Promise.withResolvers<void>();
      stand.beforeForgePush = () => {
        reached = true;
        return promise;
      };
      const push = tryGit(work, 'push', 'origin', branch);
      await until('the push to reach the forge', () => reached);
      await stand.clone('other');
      resolve();
      expect((await push).code).toBe(0);
    });

    test.each([
      ['GET', '/git/repository.git/HEAD', 404],
      ['GET', '/git/repository.git/objects/info/packs', 404],
      ['GET', '/git/repository.git/info/refs', 404],
      ['GET', '/git/repository.git/../../../etc/passwd', 404],
      ['GET', '/git/other.git/info/refs?service=git-upload-pack', 404],
      ['PUT', '/git/repository.git/git-upload-pack', 404],
      ['POST', '/git/repository.git/git-upload-archive', 404],
      ['GET', '//', 404],
    ])('answers %s %s with %i', async (method, path, status) => {
      expect((await raw(stand.origin, method, path)).status).toBe(status);
    });
  });

  describe('a push to the own branch', () => {
    test('reaches the forge and the mirror, and is logged once', async () => {
      const work = await workOnBranch();
      const first = await commit(work, 'a.txt', 'a\n');
      const pushed = await tryGit(work, 'push', 'origin', branch);
      expect(pushed).toMatchObject({ code: 0 });
      expect(await forgeHas()).toBe(first);
      expect(await mirrorHas()).toBe(first);
      expect(stand.entries.map((entry) => entry.type)).toEqual(['operation-started', 'operation']);
      expect(stand.operations()).toMatchObject([
        {
          sequence: 1,
          operation: 'git_push',
          target: branch,
          argumentsShort: `["refs/heads/${branch} ${nothing}..${first}"]`,
          outcome: 'ok',
        },
      ]);
    });

    test('may go on, and may rewrite what it pushed', async () => {
      const work = await workOnBranch();
      await commit(work, 'a.txt', 'a\n');
      await git(work, 'push', 'origin', branch);
      await commit(work, 'b.txt', 'b\n');
      await git(work, 'push', 'origin', branch);
      await git(work, 'commit', '--quiet', '--amend', '--message', 'Better said');
      expect((await tryGit(work, 'push', 'origin', branch)).code).not.toBe(0);
      await git(work, 'push', '--force', 'origin', branch);
      expect(await forgeHas()).toBe(await git(work, 'rev-parse', 'HEAD'));
      expect(stand.operations().map((operation) => operation.outcome)).toEqual(['ok', 'ok', 'ok']);
    });

    test('of 30 MB arrives whole', async () => {
      const work = await workOnBranch();
      const head = await commit(work, 'big.bin', randomBytes(30 * 1024 * 1024));
      const pushed = await tryGit(work, 'push', 'origin', branch);
      expect(pushed).toMatchObject({ code: 0 });
      expect(await forgeHas()).toBe(head);
      expect(stand.operations()).toHaveLength(1);
    });

    test('of two bottles at once does not disturb either', async () => {
      const otherBranch = 'bot-bottle/issue-8';
      const other = await stand.clone('other', await stand.openGate(otherBranch));
      const work = await workOnBranch();
      await git(other, 'checkout', '--quiet', '-b', otherBranch);
      const heads = await Promise.all([commit(work, 'a', 'a\n'), commit(other, 'b', 'b\n')]);
      await Promise.all([
        git(work, 'push', 'origin', branch),
        git(other, 'push', 'origin', otherBranch),
      ]);
      expect([await forgeHas(), await forgeHas(otherBranch)]).toEqual(heads);
    });
  });

  describe('refuses, readably and on the record,', () => {
    test('another branch', () =>
      expectRefused(['HEAD:main'], `this bottle may push only to ${branch}, not to main`));

    test('a tag', () =>
      expectRefused(
        ['HEAD:refs/tags/v1'],
        `this bottle may push only to ${branch}, not to refs/tags/v1`,
      ));

    test('its own branch together with another', () =>
      expectRefused([branch, 'HEAD:main'], `this bottle may push only to ${branch}, not to main`));

    test('a branch whose name begins like its own', () =>
      expectRefused(
        [`HEAD:${branch}0`],
        `this bottle may push only to ${branch}, not to ${branch}0`,
      ));

    test('shell metacharacters in a branch name, which do nothing', async () => {
      await expectRefused(
        ['HEAD:refs/heads/$(touch${IFS}pwned);`id`'],
        `this bottle may push only to ${branch}, not to $(touch\${IFS}pwned);\`id\``,
      );
      expect(await readdir(stand.mirror)).not.toContain('pwned');
    });

    test('any push after signal_done', async () => {
      stand.done = true;
      await expectRefused([branch], 'you have called signal_done');
    });
  });

  test('refuses what can no longer be recorded, and says so', async () => {
    const origin = await stand.openGate(branch, { budget: 0 });
    const work = await stand.clone('work', origin);
    await git(work, 'switch', '--quiet', '--create', branch);
    for (const file of ['a.txt', 'b.txt']) {
      await commit(work, file, 'a\n');
      const { code, out } = await tryGit(work, 'push', 'origin', branch);
      expect(code).not.toBe(0);
      expect(out).toContain('remote: bot-bottle: this run has made more calls than are recorded');
    }
    expect(stand.operations()).toMatchObject([{ outcome: 'rejected' }]);
    expect(await git(stand.upstream, 'branch', '--format=%(refname:short)')).toBe('main');
  });

  test('refuses a push that unpacks to more than the host can bear, and says why', async () => {
    const pack = deltaBomb(512);
    expect(pack.length).toBeLessThan(16 * 1024);
    const response = await fetch(`${stand.origin}/git-receive-pack`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-git-receive-pack-request' },
      body: pushRequest(branch, pack),
    });
    const answer = await response.text();
    expect(answer).toContain('fatal: Out of memory, malloc failed');
    expect(answer).toContain(`ng refs/heads/${branch} unpacker error`);
    expect(stand.operations()).toMatchObject([{ operation: 'git_push', outcome: 'error' }]);
  });

  test('refuses to delete the own branch', async () => {
    const work = await workOnBranch();
    const head = await commit(work, 'a.txt', 'a\n');
    await git(work, 'push', 'origin', branch);
    const { code, out } = await tryGit(work, 'push', '--delete', 'origin', branch);
    expect(code).not.toBe(0);
    expect(out).toContain(`remote: bot-bottle: this bottle may not delete ${branch}`);
    expect(await forgeHas()).toBe(head);
    expect(stand.operations().at(-1)).toMatchObject({ outcome: 'rejected' });
  });

  describe('when the forge refuses', () => {
    test("its words are the agent's, the mirror stays, and the log says error", async () => {
      await writeFile(
        join(stand.upstream, 'hooks', 'pre-receive'),
        '#!/bin/sh\necho "error: Not allowed to push to protected branch" >&2\nexit 1\n',
        { mode: 0o755 },
      );
      const work = await workOnBranch();
      await commit(work, 'a.txt', 'a\n');
      const { code, out } = await tryGit(work, 'push', 'origin', branch);
      expect(code).not.toBe(0);
      expect(out).toContain(
        'remote: bot-bottle: the forge says: error: Not allowed to push to protected branch',
      );
      expect(out).toContain('remote: bot-bottle: the forge refused it: [remote rejected]');
      expect(await mirrorHas()).toBe('');
      expect(stand.operations()).toMatchObject([
        { outcome: 'error', reason: expect.stringContaining('the forge refused it') },
      ]);
    });

    test.each([
      [401, 'the forge does not let this bottle push'],
      [403, 'the forge does not let this bottle push'],
      [301, 'the repository has moved on the forge'],
      [503, 'the forge could not be reached: commit on, and push again in a minute'],
    ])('status %i is told as what to do, without the address', async (status, message) => {
      const work = await workOnBranch();
      await commit(work, 'a.txt', 'a\n');
      stand.forgeStatus = status;
      const { code, out } = await tryGit(work, 'push', 'origin', branch);
      expect(code).not.toBe(0);
      expect(out).toContain(`remote: bot-bottle: ${message}`);
      expect(out).not.toContain('acme');
      expect(stand.operations()).toMatchObject([{ outcome: 'error' }]);
    });

    test('a person’s commit on the branch can be fetched, and the push then goes through', async () => {
      const work = await workOnBranch();
      await commit(work, 'a.txt', 'a\n');
      await git(work, 'push', 'origin', branch);
      const person = join(stand.root, 'person');
      await git(stand.root, 'clone', '--quiet', '--branch', branch, stand.upstream, person);
      await commit(person, 'p.txt', 'p\n');
      await git(person, 'push', '--quiet', 'origin', branch);

      await commit(work, 'b.txt', 'b\n');
      const refused = await tryGit(work, 'push', 'origin', branch);
      expect(refused.out).toContain('git fetch, rebase or merge, and push again');
      await git(work, 'pull', '--quiet', '--rebase', 'origin', branch);
      await git(work, 'push', 'origin', branch);
      expect(await git(stand.upstream, 'ls-tree', '--name-only', branch)).toBe(
        'README.md\na.txt\nb.txt\np.txt',
      );
    });

    test('a forced push does not run over a commit that the agent has not seen', async () => {
      const work = await workOnBranch();
      await commit(work, 'a.txt', 'a\n');
      await git(work, 'push', 'origin', branch);
      const person = join(stand.root, 'person');
      await git(stand.root, 'clone', '--quiet', '--branch', branch, stand.upstream, person);
      const theirs = await commit(person, 'p.txt', 'p\n');
      await git(person, 'push', '--quiet', 'origin', branch);

      await git(work, 'commit', '--quiet', '--amend', '--message', 'Rewritten');
      expect((await tryGit(work, 'push', '--force', 'origin', branch)).code).not.toBe(0);
      expect(await forgeHas()).toBe(theirs);
    });
  });

  describe('broken off', () => {
    test('after the forge took it, the next push heals the mirror', async () => {
      const work = await workOnBranch();
      const head = await commit(work, 'a.txt', 'a\n');
      await git(work, 'push', '--quiet', stand.upstream, branch);
      expect(await mirrorHas()).toBe('');
      await git(work, 'push', 'origin', branch);
      expect(await mirrorHas()).toBe(head);
      const next = await commit(work, 'b.txt', 'b\n');
      await git(work, 'push', 'origin', branch);
      expect(await forgeHas()).toBe(next);
    });

    test('by the client while the forge works, it is finished all the same', async () => {
      const work = await workOnBranch();
      const head = await commit(work, 'a.txt', 'a\n');
      let reached = false;
      const { promise, resolve } = Promise.withResolvers<void>();
      stand.beforeForgePush = () => {
        reached = true;
        return promise;
      };
      const pushing = tryGit(work, '-c', 'alias.p=!timeout -s KILL 2 git push origin', 'p', branch);
      await until('the push to reach the forge', () => reached);
      expect((await pushing).code).not.toBe(0);
      resolve();
      await until('the push to end', () => stand.operations().length > 0);
      expect(await forgeHas()).toBe(head);
      expect(await mirrorHas()).toBe(head);
      expect(stand.operations()).toMatchObject([{ outcome: 'ok' }]);
    });

    test('in the middle of its body, nothing is pushed and the log says so', async () => {
      const body = `00a8${nothing} ${'1'.repeat(40)} refs/heads/${branch}\0 report-status`;
      const line = `${body.length.toString(16).padStart(4, '0')}${body.slice(4)}0000PACK`;
      const request = httpRequest(`${stand.origin}/git-receive-pack`, {
        method: 'POST',
        headers: { 'content-length': 100_000 },
      });
      request.on('error', () => undefined);
      request.write(line);
      await until('the push to be recorded', () => stand.entries.length > 0);
      request.destroy();
      await until('the push to end', () => stand.operations().length > 0);
      expect(stand.operations()).toMatchObject([{ target: branch, outcome: 'error' }]);
      expect(await forgeHas()).toBe('');
    });
  });

  test('refuses pushes until there are credentials', async () => {
    const origin = await stand.openGate(branch, { credentials: false });
    const work = await workOnBranch();
    await commit(work, 'a.txt', 'a\n');
    const { code, out } = await tryGit(work, 'push', origin, branch);
    expect(code).not.toBe(0);
    expect(out).toContain('remote: bot-bottle: the forge cannot be reached yet');
  });

  test('the token is on no command line and in no file', async () => {
    const work = await workOnBranch();
    await commit(work, 'a.txt', 'a\n');
    const encoded = Buffer.from(`bot:${token}`).toString('base64');
    let lines = '';
    stand.beforeForgePush = async () => {
      lines = await processArguments();
    };
    await git(work, 'push', 'origin', branch);
    expect(lines).toContain('git');
    expect(lines).not.toContain(token);
    expect(lines).not.toContain(encoded);
    const found = await tryGit(
      stand.mirror,
      'grep',
      '--no-index',
      '-r',
      '-l',
      '-e',
      token,
      '-e',
      encoded,
      '.',
    );
    expect(found.code).toBe(1);
  });

  test('runs a few git processes at once, tells the rest to slow down, and serves on', async () => {
    const path = '/git/repository.git/info/refs?service=git-upload-pack';
    const { hostname, port } = new URL(stand.origin);
    const held = Array.from({ length: 8 }, () => {
      const request = httpRequest({
        hostname,
        port,
        method: 'POST',
        path: '/git/repository.git/git-upload-pack',
        headers: { 'content-type': 'application/x-git-upload-pack-request' },
      });
      request.on('error', () => undefined);
      request.flushHeaders();
      return request;
    });
    await until('all of them to be served', () => stand.calls === held.length);
    const refused = await raw(stand.origin, 'GET', path);
    expect(refused.status).toBe(503);
    expect(refused.body).toContain('too many git requests at once');
    for (const request of held) {
      request.destroy();
    }
    await until('a place', async () => (await raw(stand.origin, 'GET', path)).status === 200);
  });
});

async function processArguments(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.join('\n');
}

function raw(
  origin: string,
  method: string,
  path: string,
): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, method, path }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject);
    request.end();
  });
}
