import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callGitea } from '../../../src/demo/gitea-client.ts';
import type { GiteaRepository } from '../../../src/demo/gitea-site.ts';
import type { Operation } from '../../../src/domain/operation.ts';
import { createGiteaForge } from '../../../src/forges/gitea/gitea-forge.ts';
import { createGitGate, repositoryPath } from '../../../src/supervisor/git-gate/git-gate.ts';
import type { GitGate } from '../../../src/supervisor/git-gate/git-gate.ts';
import { createOperationLog } from '../../../src/supervisor/operation-log.ts';
import { startGitea } from '../../support/gitea.ts';
import type { TestGitea } from '../../support/gitea.ts';
import { commit, git, hooksDirectory, tryGit } from './stand.ts';

const branch = 'bot-bottle/issue-1';

describe('the git gate in front of a real Gitea', () => {
  let gitea: TestGitea;
  let repository: GiteaRepository;
  let root: string;
  let server: Server;
  let gate: GitGate;
  let work: string;
  const operations: Operation[] = [];

  beforeAll(async () => {
    gitea = await startGitea();
    repository = await gitea.createRepository();
    await callGitea(gitea.alice, 'PATCH', `/repos/${repository.owner}/${repository.name}`, {
      private: true,
    });
    root = await mkdtemp(join(tmpdir(), 'gate-gitea-'));
    const upstream = repository.cloneUrl;
    const mirror = join(root, 'mirror.git');
    await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', mirror);
    const authorization = Buffer.from(`bot:${gitea.bot.token}`).toString('base64');
    const header = `http.extraHeader=Authorization: Basic ${authorization}`;
    await git(mirror, '-c', header, 'fetch', '--quiet', upstream, '+refs/heads/*:refs/heads/*');
    gate = createGitGate({
      mirror,
      hooks: hooksDirectory,
      upstream,
      branch,
      environment: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      operations: createOperationLog({
        async append(entry) {
          if (entry.type === 'operation') {
            operations.push(entry.operation);
          }
        },
      }),
      isDone: () => false,
      onCall: () => undefined,
    });
    gate.setCredentials({ apiUrl: gitea.apiUrl, login: 'bot', token: gitea.bot.token });
    server = createServer((request, response) => void gate.handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    work = join(root, 'work');
    const { port } = server.address() as AddressInfo;
    await git(root, 'clone', '--quiet', `http://127.0.0.1:${port}${repositoryPath}`, work);
    await git(work, 'checkout', '--quiet', '-b', branch);
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await rm(root, { recursive: true, force: true });
    await gitea.stop();
  });

  test('a push arrives at the private repository, and can become a pull request', async () => {
    await commit(work, 'a.txt', 'a\n');
    const pushed = await tryGit(work, 'push', 'origin', branch);
    expect(pushed).toMatchObject({ code: 0 });
    const forge = createGiteaForge({ apiUrl: gitea.apiUrl, token: gitea.bot.token });
    const { id, owner, name } = repository;
    const opened = await forge.createPullRequest(
      { forgeHost: gitea.host, id, owner, name },
      { title: 'A', body: '', head: branch, base: 'main' },
    );
    expect(opened.headBranch).toBe(branch);
    expect(operations).toMatchObject([{ operation: 'git_push', outcome: 'ok' }]);
  });

  test('a token that Gitea does not know is told as such', async () => {
    gate.setCredentials({ apiUrl: gitea.apiUrl, login: 'bot', token: 'wrong' });
    await commit(work, 'b.txt', 'b\n');
    const { code, out } = await tryGit(work, 'push', 'origin', branch);
    expect(code).not.toBe(0);
    expect(out).toContain('remote: bot-bottle: the forge does not let this bottle push');
    gate.setCredentials({ apiUrl: gitea.apiUrl, login: 'bot', token: gitea.bot.token });
    await git(work, 'push', 'origin', branch);
  });

  test('a branch that Gitea protects is refused in its own words', async () => {
    await callGitea(
      gitea.alice,
      'POST',
      `/repos/${repository.owner}/${repository.name}/branch_protections`,
      { rule_name: branch, enable_push: false },
    );
    await commit(work, 'c.txt', 'c\n');
    const { code, out } = await tryGit(work, 'push', 'origin', branch);
    expect(code).not.toBe(0);
    expect(out).toMatch(/remote: bot-bottle: the forge says: .*protected branch/);
    expect(operations.at(-1)).toMatchObject({ outcome: 'error' });
  });
});
