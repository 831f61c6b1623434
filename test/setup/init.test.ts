import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { loadSetupConfig, type SetupFlags } from '../../src/config/load-setup.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { createToken } from '../../src/demo/gitea-site.ts';
import { ConfigError } from '../../src/domain/errors.ts';
import { createForgeSetup } from '../../src/forges/setup-registry.ts';
import { initialise, type InitResult } from '../../src/setup/init.ts';
import type { Person } from '../../src/setup/person.ts';
import { SetupStoppedError } from '../../src/setup/progress.ts';
import { listenForDeliveries } from '../../src/setup/temporary-listener.ts';
import { absentPerson, type ToldLine } from '../../src/cli/absent-person.ts';
import { startGitea, type TestGitea } from '../support/gitea.ts';
import { scriptedPerson } from './scripted-person.ts';

let gitea: TestGitea;
let admin: { url: string; token: string };
beforeAll(async () => {
  gitea = await startGitea();
  admin = { url: gitea.url, token: gitea.adminToken };
});
afterAll(async () => {
  await gitea?.stop();
});

/** A machine on which nothing is set up yet. */
async function freshMachine() {
  const home = await mkdtemp(join(tmpdir(), 'init-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const environment = {
    HOME: home,
    FORGE_WEBHOOK_PORT: String(await freePort()),
  };
  const data = join(home, '.bot-bottle');
  return {
    environment,
    data,
    async files(): Promise<Record<string, string>> {
      const names = await readdir(data, { recursive: true, withFileTypes: true }).catch(() => []);
      const paths = names.filter((entry) => entry.isFile());
      const read = async (path: string) => [path, await readFile(path, 'utf8')] as const;
      return Object.fromEntries(
        await Promise.all(paths.map((entry) => read(join(entry.parentPath, entry.name)))),
      );
    },
    init(
      person: Person,
      options: {
        more?: Record<string, string>;
        flags?: SetupFlags;
        repositories?: readonly string[];
        signal?: AbortSignal;
      } = {},
    ): Promise<InitResult> {
      const config = loadSetupConfig({ ...environment, ...options.more }, options.flags);
      return initialise({
        config,
        person,
        repositories: options.repositories ?? [],
        signal: options.signal ?? new AbortController().signal,
        connect: (apiUrl, token) => createForgeSetup('gitea', { apiUrl, token }),
        openWatch: (secret) => listenForDeliveries(config.port, secret),
      });
    },
  };
}

/** A repository of alice's org that knows nothing of us, and who is to work on it. */
async function freshNames() {
  const { owner, name } = await gitea.createRepository();
  await callGitea(gitea.alice, 'DELETE', `/repos/${owner}/${name}/collaborators/bot`);
  const suffix = name.replace('widgets-', '');
  return {
    repository: `${owner}/${name}`,
    path: `/repos/${owner}/${name}`,
    org: `crew-${suffix}`,
    login: `agent-${suffix}`,
  };
}

async function hooksOf(path: string): Promise<{ id: number; config: { url: string } }[]> {
  return (await callGitea(gitea.alice, 'GET', `${path}/hooks`)) as never;
}

function answersFor({ repository, login }: { repository: string; login: string }) {
  return {
    'Where is your Gitea': gitea.url,
    'Your own token': gitea.adminToken,
    'A token of the orchestrator': '',
    'The name of the account': login,
    'The repositories': repository,
  };
}

describe('init', () => {
  test('makes all that is missing, each after a question, and proves it by a delivery', async () => {
    const machine = await freshMachine();
    const names = await freshNames();
    const { repository, path, org, login } = names;
    const person = scriptedPerson(answersFor(names));

    const result = await machine.init(person, { flags: { org } });

    expect(result).toMatchObject({ left: 0, login, repositories: [repository], agents: ['demo'] });
    const url = `http://127.0.0.1:${machine.environment.FORGE_WEBHOOK_PORT}`;
    expect(person.told.at(-1)).toBe(
      `right: The webhook of ${repository} delivers to ${url}/webhooks/gitea`,
    );
    const changes = person.told.filter((line) => line.startsWith('changed: '));
    expect(changes).toHaveLength(result.changes);
    expect(person.proposals.length).toBeGreaterThanOrEqual(result.changes);
    expect(await hooksOf(path)).toMatchObject([{ config: { url: `${url}/webhooks/gitea` } }]);
    const members = await callGitea(admin, 'GET', `/orgs/${org}/members`);
    expect(members).toContainEqual(expect.objectContaining({ login }));
    const labels = await callGitea(admin, 'GET', `${path}/labels`);
    expect(labels).toEqual([
      expect.objectContaining({
        name: 'bot-bottle:demo',
        description: `Assigned to ${login}, an agent works on it: demo`,
      }),
    ]);
  });

  test('leaves settings that the orchestrator starts with, and secrets that nobody else can read', async () => {
    const machine = await freshMachine();
    const names = await freshNames();

    await machine.init(scriptedPerson(answersFor(names)), { flags: { org: names.org } });

    const files = await machine.files();
    for (const path of Object.keys(files)) {
      expect((await stat(path)).mode & 0o077, path).toBe(0);
    }
    const config = loadConfig({ HOME: machine.environment.HOME });
    const url = `http://127.0.0.1:${machine.environment.FORGE_WEBHOOK_PORT}`;
    expect(config).toMatchObject({
      dataDirectory: machine.data,
      forge: { org: names.org, apiUrl: gitea.apiUrl },
      server: { host: '127.0.0.1', publicUrl: url },
    });
    const settings = files[join(machine.data, 'orchestrator.toml')] ?? '';
    expect(settings).toMatch(/^#:schema \.\/orchestrator\.schema\.json\n/);
    expect(settings).not.toContain(config.forge.token);
    expect(settings).not.toContain(config.server.webhookSecret);
    expect(Object.values(files).join()).not.toContain(gitea.adminToken);
  });

  test('run again changes nothing that is right, and asks for no change', async () => {
    const machine = await freshMachine();
    const names = await freshNames();
    await machine.init(scriptedPerson(answersFor(names)), { flags: { org: names.org } });
    const before = { files: await machine.files(), hooks: await hooksOf(names.path) };
    const person = scriptedPerson(answersFor(names));

    const result = await machine.init(person);

    expect(result).toMatchObject({ changes: 0, left: 0 });
    expect(person.proposals).toEqual([]);
    expect(await machine.files()).toEqual(before.files);
    const [hook] = await hooksOf(names.path);
    expect(hook).toMatchObject({ id: before.hooks[0]?.id, config: before.hooks[0]?.config });
  });

  test('makes nothing that is not agreed to, and says how a person does it', async () => {
    const machine = await freshMachine();
    const names = await freshNames();
    const own = { more: { FORGE_TOKEN: gitea.bot.token }, flags: { org: names.org } };
    const person = scriptedPerson(answersFor(names), { agrees: () => false });

    const result = await machine.init(person, own);

    expect(result).toMatchObject({ changes: 0, agents: [] });
    expect(result.left).toBe(person.told.filter((line) => line.startsWith('left: ')).length);
    expect(result.left).toBeGreaterThanOrEqual(4);
    expect(await machine.files()).toEqual({});
    expect(await hooksOf(names.path)).toEqual([]);
    await expect(callGitea(admin, 'GET', `/orgs/${names.org}`)).rejects.toMatchObject({
      status: 404,
    });
  });

  test('stopped while it waits for a delivery leaves no webhook behind, and goes on when run again', async () => {
    const machine = await freshMachine();
    const names = await freshNames();
    const stopping = new AbortController();
    const person = scriptedPerson(answersFor(names), { onBusy: () => stopping.abort() });

    await expect(
      machine.init(person, { flags: { org: names.org }, signal: stopping.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });

    expect(await hooksOf(names.path)).toEqual([]);
    const again = scriptedPerson(answersFor(names));
    const result = await machine.init(again);
    expect(result.left).toBe(0);
    expect(again.proposals.join()).not.toContain('Make the account');
    expect(await hooksOf(names.path)).toHaveLength(1);
  });

  test('says how to get at an account whose password nobody was told', async () => {
    const machine = await freshMachine();
    const person = scriptedPerson({
      ...answersFor(await freshNames()),
      'The name of the account': 'bot',
    });
    await expect(machine.init(person)).rejects.toThrow(
      /There is an account bot already.*administrator of the site sets another/,
    );
  });

  test('with the token of the orchestrator alone leaves to people what that may not do', async () => {
    const machine = await freshMachine();
    const { repository, path } = await freshNames();
    const person = scriptedPerson({ 'Your own token': '', 'The repositories': repository });

    const result = await machine.init(person, {
      more: { FORGE_TOKEN: gitea.bot.token, FORGE_GITEA_API: gitea.apiUrl },
    });

    expect(result.left).toBeGreaterThan(0);
    const left = person.told.filter((line) => line.startsWith('left: ')).join('\n');
    expect(left).toContain(`${repository} › Settings › Collaborators, bot with Write`);
    expect(left).toContain('token of somebody who administrates it');
    expect(await hooksOf(path)).toEqual([]);
  });

  test('names each scope that the token of the orchestrator lacks, and what it is for', async () => {
    const machine = await freshMachine();
    const { name, password } = gitea.bot;
    const scopes = ['read:user', 'write:issue'];
    const token = await createToken({ url: gitea.url, name, password }, scopes);

    const init = machine.init(scriptedPerson({ 'Your own token': '' }), {
      more: { FORGE_TOKEN: token, FORGE_GITEA_API: gitea.apiUrl },
    });

    await expect(init).rejects.toThrow(SetupStoppedError);
    await expect(init).rejects.toThrow(
      /write:repository \(pull requests.*read:organization \(who is a member/,
    );
    expect(await machine.files()).toEqual({});
  });

  test.each([
    [
      'a token that Gitea does not know',
      () => gitea.url,
      '0'.repeat(40),
      'does not take your token',
    ],
    ['a Gitea that does not answer', () => 'http://127.0.0.1:9', 'x', 'No Gitea answers'],
  ])('stops at %s', async (_, url, token, message) => {
    const machine = await freshMachine();
    const person = scriptedPerson({ 'Where is': url(), 'Your own token': token });

    await expect(machine.init(person)).rejects.toThrow(message);
  });

  test('replaces a webhook whose secret is another than the orchestrator’s', async () => {
    const machine = await freshMachine();
    const names = await freshNames();
    await machine.init(scriptedPerson(answersFor(names)), { flags: { org: names.org } });
    const [old] = await hooksOf(names.path);
    const person = scriptedPerson(answersFor(names));

    const result = await machine.init(person, { more: { FORGE_WEBHOOK_SECRET: 'another' } });

    expect(result.left).toBe(0);
    expect(person.proposals.join('\n')).toContain('Replace the webhook');
    const hooks = await hooksOf(names.path);
    expect(hooks).toHaveLength(1);
    expect(hooks[0]?.id).not.toBe(old?.id);
  });

  test('says of a repository that is empty, archived or without issues what to do', async () => {
    const machine = await freshMachine();
    await callGitea(gitea.alice, 'POST', '/user/repos', { name: 'hollow' });
    await callGitea(gitea.alice, 'PATCH', '/repos/alice/hollow', { has_issues: false });
    const person = scriptedPerson({ 'Your own token': gitea.adminToken });

    await machine.init(person, {
      more: { FORGE_TOKEN: gitea.bot.token, FORGE_GITEA_API: gitea.apiUrl },
      repositories: ['alice/hollow'],
    });

    expect(person.told).toContain(
      'left: alice/hollow is empty: push a first commit, for agents to start from.',
    );
    expect(person.told).toContain(
      'left: alice/hollow has no issues: switch them on under Settings › Issues.',
    );
  });
});

describe('init --yes', () => {
  test('does everything from options and the environment', async () => {
    const machine = await freshMachine();
    const { repository, org } = await freshNames();
    const told: ToldLine[] = [];

    const result = await machine.init(
      absentPerson((line) => told.push(line)),
      {
        more: { FORGE_TOKEN: gitea.bot.token, FORGE_SETUP_TOKEN: gitea.adminToken },
        flags: { org, forge: gitea.url },
        repositories: [repository],
      },
    );

    expect(result).toMatchObject({ left: 0, login: 'bot', repositories: [repository] });
    expect(told.filter(({ state }) => state === 'changed')).toHaveLength(result.changes);
    expect((await machine.files())[join(machine.data, 'forge-token')]).toBe(`${gitea.bot.token}\n`);
  });

  test('names the option of what it would have to ask', async () => {
    const machine = await freshMachine();
    const nobody = absentPerson(() => undefined);

    await expect(machine.init(nobody)).rejects.toThrow(ConfigError);
    await expect(machine.init(nobody)).rejects.toThrow('--forge or FORGE_GITEA_API');
    await expect(machine.init(nobody, { flags: { forge: gitea.url } })).rejects.toThrow(
      '--forge-token-file or FORGE_TOKEN',
    );
  });
});
