import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callGitea } from '../../../src/demo/gitea-client.ts';
import { createToken, type GiteaRepository } from '../../../src/demo/gitea-site.ts';
import {
  ForgeDeniedError,
  ForgeNotFoundError,
  ForgeRefusedError,
} from '../../../src/domain/errors.ts';
import type { ForgeSetup, Place } from '../../../src/forges/forge-setup.ts';
import { giteaWebhooks } from '../../../src/forges/gitea/parse-webhook.ts';
import { createForgeSetup } from '../../../src/forges/setup-registry.ts';
import { startGitea, type TestGitea } from '../../support/gitea.ts';
import { until } from '../../support/until.ts';

let gitea: TestGitea;
let asAdmin: ForgeSetup;
let asAlice: ForgeSetup;
let asBot: ForgeSetup;
let asMallory: ForgeSetup;

beforeAll(async () => {
  gitea = await startGitea({ pageSize: 2 });
  asAdmin = setupWith(gitea.adminToken);
  asAlice = setupWith(gitea.alice.token);
  asBot = setupWith(gitea.bot.token);
  asMallory = setupWith(gitea.mallory.token);
});
afterAll(async () => {
  await gitea?.stop();
});

function setupWith(token: string): ForgeSetup {
  return createForgeSetup('gitea', { apiUrl: gitea.apiUrl, token });
}

function placeOf({ owner, name }: GiteaRepository): Place & { kind: 'repository' } {
  return { kind: 'repository', owner, name };
}

describe('the site', () => {
  test('tells its version and its clock', async () => {
    const { version, clock } = await asBot.readSite();

    expect(version).toMatch(/^1\.\d+\.\d+/);
    expect(Math.abs((clock?.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);
  });

  test('tells whose token it is, and whether that is an administrator', async () => {
    expect(await asBot.readAccount()).toEqual({
      login: 'bot',
      isAdministrator: false,
      lastSignIn: undefined,
    });
    expect((await asAdmin.readAccount()).isAdministrator).toBe(true);
  });

  test('says of a token that it does not know: 401', async () => {
    const stranger = setupWith('0'.repeat(40));

    await expect(stranger.readAccount()).rejects.toMatchObject({
      name: 'ForgeDeniedError',
      status: 401,
    });
    await expect(stranger.probeScopes()).rejects.toMatchObject({ status: 401 });
  });
});

describe('the scopes of a token', () => {
  async function granted(scopes: readonly string[]): Promise<string[]> {
    const { url, bot } = gitea;
    const token = await createToken({ url, name: bot.name, password: bot.password }, scopes);
    const probed = await setupWith(token).probeScopes();
    return probed.filter(({ granted: has }) => has).map(({ scope }) => scope);
  }
  const work = ['read:user', 'write:issue', 'write:repository', 'read:organization'];

  test('are all there for what the documentation asks for', async () => {
    expect((await asBot.probeScopes()).map(({ granted: has }) => has)).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  test.each(work)('are found to lack %s', async (missing) => {
    const others = work.filter((scope) => scope !== missing);

    expect(await granted(others)).toEqual(others);
  });

  test('are found too weak where reading alone is allowed', async () => {
    expect(await granted(['read:user', 'read:issue', 'read:repository'])).toEqual(['read:user']);
  });

  test('are all there for a token with all permissions', async () => {
    expect(await granted(['all'])).toEqual(work);
  });
});

describe('accounts and orgs', () => {
  test('an administrator makes an account whose token can do the work', async () => {
    expect(await asAdmin.accountExists('agent-bot')).toBe(false);

    const { token } = await asAdmin.createAccount('agent-bot');

    expect(await asAdmin.accountExists('agent-bot')).toBe(true);
    const probed = await setupWith(token).probeScopes();
    expect(probed.every(({ granted: has }) => has)).toBe(true);
    await expect(asAdmin.createAccount('agent-bot')).rejects.toThrow(ForgeRefusedError);
    await expect(asAlice.createAccount('another')).rejects.toThrow(ForgeDeniedError);
  });

  test('whoever makes an org can add members to it, again and again', async () => {
    expect(await asAlice.orgExists('crew')).toBe(false);

    await asAlice.createOrg('crew');

    expect(await asAlice.orgExists('crew')).toBe(true);
    await expect(asAlice.createOrg('crew')).rejects.toThrow(ForgeRefusedError);
    expect(await asAlice.isOrgMember('crew', 'bot')).toBe(false);
    await asAlice.addOrgMember('crew', 'bot');
    await asAlice.addOrgMember('crew', 'bot');
    expect(await asAlice.isOrgMember('crew', 'bot')).toBe(true);
    expect(await asMallory.orgExists('crew')).toBe(false);
    await expect(asBot.addOrgMember('crew', 'mallory')).rejects.toThrow(ForgeDeniedError);
    await expect(asAlice.addOrgMember('crew', 'nobody-here')).rejects.toThrow(ForgeNotFoundError);
  });

  test('lists the repositories of an org to the end', async () => {
    await asAlice.createOrg('fleet');
    for (const name of ['c', 'a', 'b']) {
      await callGitea(gitea.alice, 'POST', '/orgs/fleet/repos', { name, private: name === 'c' });
    }

    const names = async (setup: ForgeSetup) =>
      (await setup.listOrgRepositories('fleet')).map(({ owner, name }) => `${owner}/${name}`);

    expect(await names(asAlice)).toEqual(['fleet/a', 'fleet/b', 'fleet/c']);
  });
});

describe('rights on a repository', () => {
  test('are told of the token’s own account and, to administrators, of everybody', async () => {
    const repository = await gitea.createRepository();
    const { owner, name } = repository;

    expect(await asAlice.readRepository(owner, name)).toMatchObject({
      right: 'admin',
      empty: false,
      hasIssues: true,
      hasPullRequests: true,
      ownerIsOrg: true,
      defaultBranch: 'main',
    });
    expect((await asBot.readRepository(owner, name)).right).toBe('write');
    expect((await asMallory.readRepository(owner, name)).right).toBe('read');
    expect(await asAlice.readRight(repository, 'bot')).toBe('write');
    expect(await asAlice.readRight(repository, 'alice')).toBe('admin');
    expect(await asAlice.readRight(repository, 'nobody-here')).toBe('none');
    await expect(asBot.readRight(repository, 'alice')).rejects.toThrow(ForgeDeniedError);
    await expect(asAlice.readRight({ owner, name: 'nope' }, 'bot')).rejects.toThrow(
      ForgeNotFoundError,
    );
  });

  test('are given by administrators', async () => {
    const repository = await gitea.createRepository();

    await asAlice.grantRight(repository, 'mallory', 'write');
    expect((await asMallory.readRepository(repository.owner, repository.name)).right).toBe('write');
    await asAlice.grantRight(repository, 'mallory', 'admin');
    expect(await asAlice.readRight(repository, 'mallory')).toBe('admin');
    await expect(asBot.grantRight(repository, 'bot', 'admin')).rejects.toThrow(ForgeDeniedError);
  });

  test('to a protected branch are told apart from those to the repository', async () => {
    const repository = await gitea.createRepository();
    expect(await asBot.readBranchProtection(repository, 'main')).toEqual({
      protected: false,
      mayPush: true,
      mayMerge: true,
    });

    const path = `/repos/${repository.owner}/${repository.name}/branch_protections`;
    await callGitea(gitea.alice, 'POST', path, {
      rule_name: 'main',
      enable_merge_whitelist: true,
      merge_whitelist_usernames: ['alice'],
    });

    expect(await asBot.readBranchProtection(repository, 'main')).toEqual({
      protected: true,
      mayPush: false,
      mayMerge: false,
    });
    await expect(asBot.readBranchProtection(repository, 'nope')).rejects.toThrow(
      ForgeNotFoundError,
    );
  });
});

describe('labels', () => {
  const draft = {
    name: 'bot-bottle:tester',
    colour: '#2d7d9a',
    description: 'An agent works on it',
    exclusive: false,
  };

  test('of a repository are made and changed by a writer, and listed to the end', async () => {
    const place = placeOf(await gitea.createRepository());
    await asBot.createLabel(place, draft);
    await asBot.createLabel(place, { ...draft, name: 'bottle/running', exclusive: true });
    const named = async (name: string) =>
      (await asBot.listLabels(place)).find((label) => label.name === name);

    const label = await named(draft.name);
    expect(label).toEqual({ ...draft, id: expect.any(Number) as number });
    expect((await named('bottle/running'))?.exclusive).toBe(true);
    await asBot.updateLabel(place, label?.id ?? 0, { description: 'Another' });

    expect(await named(draft.name)).toEqual({ ...label, description: 'Another' });
    await expect(asMallory.createLabel(place, draft)).rejects.toThrow(ForgeDeniedError);
    await expect(asBot.updateLabel(place, 9_999, { description: '' })).rejects.toThrow(
      ForgeNotFoundError,
    );
  });

  test('of an org are its owners’, and no repository lists them', async () => {
    const repository = await gitea.createRepository();
    const place: Place = { kind: 'org', org: repository.owner };
    await asAlice.createLabel(place, { ...draft, name: 'bot-bottle:org-wide' });

    const names = async (where: Place) => (await asBot.listLabels(where)).map(({ name }) => name);

    expect(await names(place)).toEqual(['bot-bottle:org-wide']);
    expect(await names(placeOf(repository))).not.toContain('bot-bottle:org-wide');
    await expect(asBot.createLabel(place, draft)).rejects.toThrow(ForgeDeniedError);
  });
});

describe('webhooks', () => {
  /** Takes what Gitea delivers. */
  async function receiver() {
    const received: { path: string; event: string; isSigned: boolean }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received.push({
          path: request.url ?? '',
          event: String(request.headers['x-gitea-event']),
          isSigned: giteaWebhooks.verify(request.headers, Buffer.concat(chunks), 's3cret'),
        });
        response.end();
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      received,
      url: `http://127.0.0.1:${port}/webhooks/gitea`,
      [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
    };
  }

  async function orgWithRepository(name: string) {
    await asAlice.createOrg(name);
    await callGitea(gitea.alice, 'POST', `/orgs/${name}/repos`, { name: 'one', auto_init: true });
    return { repository: { owner: name, name: 'one' }, place: { kind: 'org', org: name } as const };
  }

  test.each(['repository', 'org'])('of a %s are made with all events, once', async (kind) => {
    const place: Place =
      kind === 'org'
        ? (await orgWithRepository('hooked')).place
        : placeOf(await gitea.createRepository());
    const url = 'http://127.0.0.1:1/webhooks/gitea';

    const hook = await asAlice.createHook(place, { url, secret: 's3cret' });

    expect(hook).toEqual({
      id: hook.id,
      url,
      active: true,
      usable: true,
      page: expect.stringMatching(/^http:.*\/settings\/hooks\/\d+$/) as string,
      missingEvents: [],
    });
    expect(await asAlice.listHooks(place)).toEqual([hook]);
    await expect(asBot.listHooks(place)).rejects.toThrow(ForgeDeniedError);
    await asAlice.deleteHook(place, hook.id);
    await asAlice.deleteHook(place, hook.id);
    expect(await asAlice.listHooks(place)).toEqual([]);
  });

  test('that somebody has changed are found to lack events, and put right', async () => {
    const repository = await gitea.createRepository();
    const place = placeOf(repository);
    await using target = await receiver();
    const { id } = await asAlice.createHook(place, { url: target.url, secret: 's3cret' });
    const path = `/repos/${repository.owner}/${repository.name}/hooks/${id}`;
    await callGitea(gitea.alice, 'PATCH', path, {
      active: false,
      events: ['issues', 'push'],
      config: { url: 'http://127.0.0.1:1/elsewhere', content_type: 'form' },
    });
    expect(await asAlice.listHooks(place)).toEqual([
      {
        id,
        url: 'http://127.0.0.1:1/elsewhere',
        active: false,
        usable: false,
        page: expect.any(String) as string,
        missingEvents: ['pull_request', 'pull_request_comment', 'pull_request_review'],
      },
    ]);

    const mended = await asAlice.updateHook(place, id, { url: target.url });

    expect(mended).toEqual({
      id,
      url: target.url,
      active: true,
      usable: true,
      page: expect.any(String) as string,
      missingEvents: [],
    });
    expect(await callGitea(gitea.alice, 'GET', path)).toMatchObject({
      events: expect.not.arrayContaining(['push']),
    });
    await callGitea(gitea.alice, 'POST', `/repos/${repository.owner}/${repository.name}/issues`, {
      title: 'Signed with the old secret',
    });
    await until('a delivery', () => target.received.some(({ isSigned }) => isSigned));
  });

  test('deliver a test under another address, and are then as before', async () => {
    const repository = await gitea.createRepository();
    const place = placeOf(repository);
    await using target = await receiver();
    const hook = await asAlice.createHook(place, { url: target.url, secret: 's3cret' });
    const path = `/repos/${repository.owner}/${repository.name}/hooks/${hook.id}`;
    const before = await callGitea(gitea.alice, 'GET', path);

    {
      await using _test = await asAlice.testHook(place, hook.id, `${target.url}?test=abc`);
      await until('the test', () => target.received.length > 0);
    }

    expect(target.received).toEqual([
      { path: '/webhooks/gitea?test=abc', event: 'push', isSigned: true },
    ]);
    const after = await callGitea(gitea.alice, 'GET', path);
    expect(sorted(after)).toEqual(sorted(before));
    await expect(asBot.testHook(place, hook.id, target.url)).rejects.toThrow(ForgeDeniedError);
  });

  test('of an org deliver by an issue that nothing happens to', async () => {
    const { repository, place } = await orgWithRepository('provoked');
    await using target = await receiver();
    const hook = await asAlice.createHook(place, { url: target.url, secret: 's3cret' });
    expect(await asAlice.testHook(place, hook.id, target.url)).toBeUndefined();
    const issues = `/repos/${repository.owner}/${repository.name}/issues`;
    await callGitea(gitea.alice, 'POST', issues, { title: 'The only one' });
    await until('the issue', () => target.received.length === 1);
    const before = await callGitea(gitea.alice, 'GET', `${issues}/1`);

    {
      await using _test = await asAlice.testHook(place, hook.id, `${target.url}?test=abc`);
      await until('the test', () => target.received.length > 1);
    }

    expect(target.received[1]).toEqual({
      path: '/webhooks/gitea?test=abc',
      event: 'issues',
      isSigned: true,
    });
    expect(await asAlice.listHooks(place)).toEqual([hook]);
    expect(await callGitea(gitea.alice, 'GET', `${issues}/1`)).toEqual(before);
  });

  test('of a repository without a commit have nothing to deliver before the first issue', async () => {
    const path = `/repos/${gitea.alice.name}/bare`;
    await callGitea(gitea.alice, 'POST', '/user/repos', { name: 'bare' });
    const place = { kind: 'repository', owner: gitea.alice.name, name: 'bare' } as const;
    await using target = await receiver();
    const { id } = await asAlice.createHook(place, { url: target.url, secret: 's3cret' });
    expect(await asAlice.testHook(place, id, target.url)).toBeUndefined();

    await callGitea(gitea.alice, 'POST', `${path}/issues`, { title: 'The first' });
    await using _test = await asAlice.testHook(place, id, `${target.url}?test=abc`);

    await until('the test', () => target.received.some((one) => one.path.endsWith('abc')));
  });

  /** Gitea lists events in any order, and notes the time of each change. */
  function sorted(hook: unknown): object {
    const { events, updated_at: _, ...rest } = hook as { events: string[]; updated_at: string };
    return { ...rest, events: events.toSorted() };
  }
});
