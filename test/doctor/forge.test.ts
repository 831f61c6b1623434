import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { startGiteaServer, type GiteaServer } from '../../src/demo/gitea-server.ts';
import {
  addMember,
  addWriter,
  createAccount,
  createLabel,
  createOrganisation,
  createRepository,
  createToken,
  createWebhook,
  type GiteaAccount,
  type GiteaRepository,
} from '../../src/demo/gitea-site.ts';
import type { Check } from '../../src/doctor/check.ts';
import { clockCheck } from '../../src/doctor/clock.ts';
import { forgeChecks, type ForgeAccess } from '../../src/doctor/forge.ts';
import { repositoryChecks } from '../../src/doctor/repositories.ts';
import { webhookChecks, type WebhookParts } from '../../src/doctor/webhooks.ts';
import { createForgeSetup } from '../../src/forges/setup-registry.ts';
import { listenForDeliveries } from '../../src/setup/temporary-listener.ts';
import { webhookUrl } from '../../src/setup/webhook-url.ts';
import { ensureGitea } from '../../tools/gitea.ts';
import { start } from '../cli/orchestrator.ts';
import { until } from '../support/until.ts';
import { look } from './look.ts';

const botScopes = ['write:issue', 'write:repository', 'read:organization', 'read:user'];
const org = 'bot-bottle';

let directory: string;
let server: GiteaServer;
let bot: GiteaAccount;
let alice: GiteaAccount;
let port: number;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'doctor-gitea-'));
  server = await startGitea();
  port = await freePort();
  const admin = { url: server.url, token: server.adminToken };
  bot = await createAccount(admin, 'agent-bot', botScopes);
  alice = await createAccount(admin, 'alice');
  await createOrganisation(alice, org);
  await addMember(alice, org, bot.name);
  await createOrganisation(alice, 'acme');
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

async function startGitea(): Promise<GiteaServer> {
  const program = await ensureGitea((line) => console.error(line));
  return await startGiteaServer({ program, directory });
}

/** A fresh repository in which all is well. */
let repository: GiteaRepository;
let made = 0;
beforeEach(async () => {
  repository = await createRepository(alice, 'acme', `rocket-${++made}`);
  await addWriter(alice, repository, bot.name);
});

interface Given extends Partial<Omit<ForgeAccess, 'own' | 'person'>>, Partial<WebhookParts> {
  readonly token?: string;
  /** With a token of alice's. */
  readonly helped?: boolean;
  readonly setupToken?: string;
  readonly agents?: readonly string[];
}

function accessOf(given: Given = {}): ForgeAccess {
  const apiUrl = given.apiUrl ?? `${server.url}/api/v1`;
  const setupToken = given.setupToken ?? (given.helped ? alice.token : undefined);
  return {
    apiUrl,
    org: given.org ?? org,
    own: createForgeSetup('gitea', { apiUrl, token: given.token ?? bot.token, timeoutMs: 2_000 }),
    person:
      setupToken === undefined
        ? undefined
        : createForgeSetup('gitea', { apiUrl, token: setupToken }),
  };
}

function checksOf(given: Given = {}): readonly Check[] {
  const access = accessOf(given);
  const forge = forgeChecks(access);
  const repositories = given.repositories ?? (async () => [repository]);
  const ofRepositories = repositoryChecks(
    { access, repositories, agents: async () => given.agents ?? ['demo'] },
    forge,
  );
  return [
    ...forge.all,
    ...ofRepositories,
    ...webhookChecks(
      {
        access,
        repositories,
        orgs: [],
        localUrl: webhookUrl(`http://127.0.0.1:${port}`),
        publicUrl: undefined,
        secret: 'whisper',
        lastDelivery: async () => undefined,
        openWatch: (secret) => listenForDeliveries(port, secret),
        ...given,
      },
      forge.tokens,
    ),
  ];
}

const examine = (name: string, given?: Given) => look(checksOf(given), name);
const mend = (name: string, given?: Given) => look(checksOf(given), name, { fix: true });

/** Answers as `answer` does, on a port of its own. */
async function serve(answer: Parameters<typeof createServer>[1]) {
  const one: Server = createServer(answer).listen(0, '127.0.0.1');
  await once(one, 'listening');
  return {
    url: `http://127.0.0.1:${(one.address() as AddressInfo).port}/api/v1`,
    [Symbol.asyncDispose]: async () => {
      one.closeAllConnections();
      one.close();
    },
  };
}

describe('forge', () => {
  test('passes with its version', async () => {
    expect(await examine('forge')).toEqual([
      { verdict: 'pass', seen: `Gitea 1.26.0 at ${server.url}/api/v1` },
    ]);
  });

  test('fails where nothing listens, and all that needs it is left out', async () => {
    const apiUrl = `http://127.0.0.1:${await freePort()}/api/v1`;
    expect(await examine('forge', { apiUrl })).toMatchObject([
      {
        verdict: 'fail',
        seen: expect.stringContaining('ECONNREFUSED'),
        fix: expect.stringContaining('FORGE_GITEA_API'),
      },
    ]);
    expect(await examine('webhook deliveries', { apiUrl })).toMatchObject([{ verdict: 'skipped' }]);
  });

  test('fails for a page that is not its API', async () => {
    await using page = await serve((_, response) => response.end('<h1>It works!</h1>'));
    expect(await examine('forge', { apiUrl: page.url })).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining("is not Gitea's API") },
    ]);
  });

  test('fails in time for one that never answers', async () => {
    await using silent = await serve(() => undefined);
    expect(await examine('forge', { apiUrl: silent.url })).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining('no answer within') },
    ]);
  });

  test('fails for a version that is too old, warns of one that nobody has tried', async () => {
    let version = '1.19.4';
    await using old = await serve((_, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ version }));
    });
    expect(await examine('forge', { apiUrl: old.url })).toMatchObject([
      { verdict: 'fail', fix: expect.stringContaining('1.20 or newer') },
    ]);
    version = '1.22.0';
    expect(await examine('forge', { apiUrl: old.url })).toMatchObject([{ verdict: 'warn' }]);
  });
});

describe('forge token', () => {
  test('fails for one that the forge does not know, until it is another', async () => {
    expect(await examine('forge token', { token: '0'.repeat(40) })).toMatchObject([
      {
        verdict: 'fail',
        seen: expect.stringContaining('the forge does not know it'),
        fix: expect.stringContaining('Settings › Applications'),
      },
    ]);
    expect(await examine('forge token')).toMatchObject([{ verdict: 'pass' }]);
  });
});

describe('setup token', () => {
  test('fails for one that the forge does not know, until there is another or none', async () => {
    const setupToken = 'f'.repeat(40);
    expect(await examine('setup token', { setupToken })).toMatchObject([
      { verdict: 'fail', fix: expect.stringContaining('FORGE_SETUP_TOKEN') },
    ]);
    expect(await examine('webhooks', { setupToken })).toMatchObject([{ verdict: 'skipped' }]);
    expect(await examine('setup token', { helped: true })).toEqual([
      { verdict: 'pass', seen: "it is alice's; nothing keeps it" },
    ]);
  });
});

describe('token scopes', () => {
  test.each(botScopes)(
    'fails for a token without %s, names it, and passes with it',
    async (scope) => {
      const token = await createToken(
        withPassword(bot),
        botScopes.filter((one) => one !== scope),
      );
      const findings = await examine('token scopes', { token });
      expect(findings).toMatchObject([
        { verdict: 'fail', seen: expect.stringContaining(`lacks ${scope}`) },
      ]);
      const [, scopes = ''] =
        /Make another with (.*?) \(/.exec((findings[0] as { fix: string }).fix) ?? [];
      const another = await createToken(withPassword(bot), scopes.split(', '));
      expect(await examine('token scopes', { token: another })).toMatchObject([
        { verdict: 'pass' },
      ]);
    },
  );
});

/** Gitea makes tokens for whoever signs in, not for other tokens. */
function withPassword({ url, name, password }: GiteaAccount) {
  return { url, name, password };
}

describe('account', () => {
  test('warns of an administrator of the site', async () => {
    expect(await examine('account', { token: server.adminToken })).toMatchObject([
      { verdict: 'warn', seen: expect.stringContaining('administrates the whole forge') },
    ]);
  });

  test('warns of an account that a person signs in with, and passes one of its own', async () => {
    const admin = { url: server.url, token: server.adminToken };
    const person = await createAccount(admin, 'pat', botScopes);
    await addMember(alice, org, person.name);
    await signIn(person);
    expect(await examine('account', { token: person.token })).toMatchObject([
      {
        verdict: 'warn',
        seen: expect.stringContaining('somebody signed in as pat'),
        fix: expect.stringContaining('an account of its own'),
      },
    ]);
    expect(await examine('account')).toMatchObject([{ verdict: 'pass' }]);
  });

  /** On the web pages. */
  async function signIn({ name, password }: GiteaAccount): Promise<void> {
    const body = new URLSearchParams({ user_name: name, password });
    const answer = await fetch(`${server.url}/user/login`, {
      method: 'POST',
      body,
      redirect: 'manual',
      headers: { 'sec-fetch-site': 'same-origin', origin: server.url },
    });
    expect(answer.status).toBe(303);
  }
});

describe('org and membership', () => {
  test('fails for an org that is not there, until it is', async () => {
    expect(await examine('org', { org: 'nobody' })).toMatchObject([
      { verdict: 'fail', fix: expect.stringContaining('orchestrator init') },
    ]);
    expect(await examine('membership', { org: 'nobody' })).toMatchObject([{ verdict: 'skipped' }]);
    await createOrganisation(alice, 'nobody');
    expect(await examine('org', { org: 'nobody' })).toMatchObject([{ verdict: 'pass' }]);
  });

  test("fails while the account is no member; --fix with a person's token adds it", async () => {
    await createOrganisation(alice, 'others');
    expect(await examine('membership', { org: 'others' })).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining('agent-bot is not a member of others') },
    ]);
    expect(await mend('membership', { org: 'others' })).toMatchObject([{ verdict: 'fail' }]);
    expect(await mend('membership', { org: 'others', helped: true })).toEqual([
      { verdict: 'pass', seen: 'agent-bot is a member of others' },
    ]);
  });
});

describe('repositories', () => {
  test('warns while none is known', async () => {
    expect(await examine('repositories', { repositories: async () => [] })).toMatchObject([
      { verdict: 'warn', fix: expect.stringContaining('orchestrator doctor acme/rocket') },
    ]);
  });

  test("fails for one that the account may not write to; --fix with a person's token lets it", async () => {
    const path = `/repos/acme/${repository.name}`;
    await callGitea(alice, 'DELETE', `${path}/collaborators/${bot.name}`);
    expect(await examine('repositories')).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining('agent-bot may not write to acme/rocket') },
    ]);
    expect(await mend('repositories', { helped: true })).toMatchObject([{ verdict: 'pass' }]);
    expect(await examine('repositories')).toMatchObject([{ verdict: 'pass' }]);
  });

  test('fails for one that is not there, has no issues, or is archived', async () => {
    expect(
      await examine('repositories', {
        repositories: async () => [{ owner: 'acme', name: 'moon' }],
      }),
    ).toMatchObject([{ verdict: 'fail', seen: expect.stringContaining('acme/moon is not there') }]);
    const path = `/repos/acme/${repository.name}`;
    await callGitea(alice, 'PATCH', path, { has_issues: false });
    expect(await examine('repositories')).toMatchObject([
      { verdict: 'fail', seen: `acme/${repository.name} has no issues` },
    ]);
    await callGitea(alice, 'PATCH', path, { has_issues: true, archived: true });
    expect(await examine('repositories')).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining('is archived') },
    ]);
    await callGitea(alice, 'PATCH', path, { archived: false });
    expect(await examine('repositories')).toMatchObject([{ verdict: 'pass' }]);
  });
});

describe('trigger labels', () => {
  test('warns of an agent without one; --fix makes it', async () => {
    await createLabel(alice, repository, 'bot-bottle:demo');
    const given = { agents: ['demo', 'claude'] };
    expect(await examine('trigger labels', given)).toMatchObject([
      { verdict: 'warn', seen: expect.stringContaining('has no bot-bottle:claude') },
    ]);
    expect(await mend('trigger labels', given)).toMatchObject([{ verdict: 'pass' }]);
    expect(await examine('trigger labels', given)).toMatchObject([{ verdict: 'pass' }]);
  });
});

describe('webhooks', () => {
  const url = () => webhookUrl(`http://127.0.0.1:${port}`);
  const install = (secret = 'whisper', target = url()) =>
    createWebhook(alice, repository, { url: target, secret });
  const hookPath = (id: number) => `/repos/acme/${repository.name}/hooks/${id}`;

  test('fails for one that was deleted; --fix makes it, and a delivery comes through', async () => {
    const id = await install();
    expect(await examine('webhooks', { helped: true })).toMatchObject([{ verdict: 'pass' }]);
    await callGitea(alice, 'DELETE', hookPath(id));
    expect(await examine('webhooks', { helped: true })).toMatchObject([
      {
        verdict: 'fail',
        seen: `acme/${repository.name} has no webhook for ${url()}`,
        fix: `Make it: \`orchestrator webhook install acme/${repository.name}\`.`,
      },
    ]);
    expect(await mend('webhook deliveries', { helped: true })).toMatchObject([
      { verdict: 'pass', seen: expect.stringContaining('with the right signature') },
    ]);
  });

  test('fails for one that is switched off, or lacks events; --fix puts it right', async () => {
    const id = await install();
    await callGitea(alice, 'PATCH', hookPath(id), { active: false, events: ['push', 'issues'] });
    expect(await examine('webhooks', { helped: true })).toMatchObject([
      {
        verdict: 'fail',
        seen: expect.stringMatching(
          /it is switched off; it does not tell of .*pull_request_review/,
        ),
      },
    ]);
    expect(await mend('webhooks', { helped: true })).toMatchObject([{ verdict: 'pass' }]);
  });

  test('fails for one that leads elsewhere than the orchestrator is said to be, and leaves it: it may be another’s', async () => {
    await install('whisper', 'http://127.0.0.1:9/webhooks/gitea');
    const given = { helped: true, publicUrl: url() };
    expect(await examine('webhooks', given)).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining('it leads to http://127.0.0.1:9/') },
    ]);
    expect(await mend('webhooks', given)).toMatchObject([
      { verdict: 'fail', fix: expect.stringContaining('orchestrator webhook install') },
    ]);
  });

  test('fails for another secret; --fix puts another webhook in its place', async () => {
    await install('something else');
    expect(await examine('webhooks', { helped: true })).toMatchObject([{ verdict: 'pass' }]);
    expect(await examine('webhook deliveries', { helped: true })).toMatchObject([
      {
        verdict: 'fail',
        seen: `a delivery of acme/${repository.name} was refused with 401`,
        fix: expect.stringContaining('orchestrator webhook repair'),
      },
    ]);
    expect(await mend('webhook deliveries', { helped: true })).toMatchObject([{ verdict: 'pass' }]);
    expect(await examine('webhook deliveries', { helped: true })).toMatchObject([
      { verdict: 'pass' },
    ]);
  });

  test("takes an org's webhook for that of its repositories", async () => {
    const place = { kind: 'org', org: 'acme' } as const;
    const { person } = accessOf({ helped: true });
    const hook = await person?.createHook(place, { url: url(), secret: 'whisper' });
    try {
      const given = { helped: true, orgs: ['acme'] };
      expect(await examine('webhooks', given)).toEqual([
        { verdict: 'pass', seen: `that of acme leads to ${url()}, with all events` },
      ]);
      expect(await examine('webhook deliveries', given)).toMatchObject([
        { verdict: 'warn', seen: 'acme has nothing yet that could be delivered' },
      ]);
      await callGitea(alice, 'POST', `/repos/acme/${repository.name}/issues`, { title: 'Hello' });
      expect(await examine('webhook deliveries', given)).toMatchObject([{ verdict: 'pass' }]);
    } finally {
      await person?.deleteHook(place, hook?.id ?? 0);
    }
  });

  test('warns where only the owners of the org could tell whether it has the webhook', async () => {
    const admin = { url: server.url, token: server.adminToken };
    const rob = await createAccount(admin, 'rob');
    const path = `/repos/acme/${repository.name}/collaborators/rob`;
    await callGitea(alice, 'PUT', path, { permission: 'admin' });
    const given = { setupToken: rob.token };
    expect(await examine('webhooks', given)).toMatchObject([
      { verdict: 'warn', seen: expect.stringContaining('whether acme has one') },
    ]);
    await install();
    expect(await examine('webhooks', given)).toMatchObject([{ verdict: 'pass' }]);
  });

  test('without a token of an administrator, what has arrived is what counts', async () => {
    await install();
    expect(await examine('webhooks')).toMatchObject([
      { verdict: 'warn', fix: expect.stringContaining('FORGE_SETUP_TOKEN_FILE') },
    ]);
    const lastDelivery = async () => Date.UTC(2026, 0, 2, 3, 4);
    expect(await examine('webhooks', { lastDelivery })).toMatchObject([
      { verdict: 'pass', seen: expect.stringContaining('2026-01-02T03:04') },
    ]);
    expect(await examine('webhook deliveries', { lastDelivery })).toMatchObject([
      { verdict: 'skipped' },
    ]);
    expect(await examine('webhook deliveries', { helped: true })).toMatchObject([
      { verdict: 'pass' },
    ]);
  });

  test('warns where deliveries need no signature', async () => {
    await install();
    expect(await examine('webhook deliveries', { helped: true, secret: undefined })).toMatchObject([
      { verdict: 'warn', fix: expect.stringContaining('FORGE_WEBHOOK_SECRET') },
    ]);
  });

  test('Ctrl-C while a delivery is waited for leaves the webhook as it was', async () => {
    const id = await install();
    const target = async () => {
      const hook = await callGitea(alice, 'GET', hookPath(id));
      return (hook as { config: { url: string } }).config.url;
    };
    const data = await mkdtemp(join(tmpdir(), 'doctor-'));
    const { child, finished } = start(['doctor', `acme/${repository.name}`], {
      ORCHESTRATOR_DATA_DIR: data,
      FORGE_GITEA_API: `${server.url}/api/v1`,
      FORGE_TOKEN: bot.token,
      FORGE_SETUP_TOKEN: alice.token,
      FORGE_WEBHOOK_SECRET: 'whisper',
      // Not where the webhook delivers to.
      FORGE_WEBHOOK_PORT: String(await freePort()),
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      DOCKER_HOST: `unix://${data}/none.sock`,
    });
    await until('the test to begin', async () => (await target()).includes('test='));
    child.kill('SIGINT');
    expect(await finished).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('Stopped.'),
    });
    expect(await target()).toBe(url());
    await rm(data, { recursive: true });
  });

  test('fails while the forge delivers nowhere, with the lines of app.ini that let it', async () => {
    await install();
    await changeConfig((text) => text.replace(/^ALLOWED_HOST_LIST.*$/m, ''));
    const [finding] = await examine('webhook deliveries', { helped: true });
    expect(finding).toMatchObject({
      verdict: 'fail',
      seen: `nothing that acme/${repository.name} is to deliver arrives`,
      fix: expect.stringContaining('[webhook]\nALLOWED_HOST_LIST = external, loopback'),
    });
    const [lines = ''] = /^\[webhook\]\n.*$/m.exec((finding as { fix: string }).fix) ?? [];
    await changeConfig((text) => text.replace(/^\[webhook\]$/m, lines));
    expect(await examine('webhook deliveries', { helped: true })).toMatchObject([
      { verdict: 'pass' },
    ]);
  });

  async function changeConfig(change: (text: string) => string): Promise<void> {
    await server.stop();
    const file = join(directory, 'data', 'app.ini');
    await writeFile(file, change(await readFile(file, 'utf8')));
    server = await startGitea();
  }
});

describe('clock of the forge', () => {
  test('fails when it is ten minutes off, passes when it goes', async () => {
    await using late = await serve((incoming, response) => {
      const target = new URL(server.url);
      const { headers, url: path } = incoming;
      const outgoing = request(new URL(path ?? '', target), { headers }, (answer) => {
        const date = new Date(Date.now() - 600_000).toUTCString();
        response.writeHead(answer.statusCode ?? 0, { ...answer.headers, date });
        answer.pipe(response);
      });
      outgoing.end();
    });
    const examineClock = async (apiUrl: string) => {
      const { own } = accessOf({ apiUrl });
      const read = async () => (await own.readSite()).clock;
      const check = clockCheck({ owner: 'the forge', needs: [], read }, Date.now);
      return await look([check], 'clock of the forge');
    };
    expect(await examineClock(late.url)).toMatchObject([
      {
        verdict: 'fail',
        seen: expect.stringMatching(/(599|600|601) s ahead of that of the forge/),
      },
    ]);
    expect(await examineClock(`${server.url}/api/v1`)).toMatchObject([{ verdict: 'pass' }]);
  });
});
