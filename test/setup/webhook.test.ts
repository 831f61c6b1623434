import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { SetupConfig } from '../../src/config/load-setup.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { createForgeSetup } from '../../src/forges/setup-registry.ts';
import { handleWebhook, type WebhookReport } from '../../src/setup/handle-webhook.ts';
import { parsePlace } from '../../src/setup/place.ts';
import { SetupStoppedError } from '../../src/setup/progress.ts';
import { listenForDeliveries } from '../../src/setup/temporary-listener.ts';
import { startGitea, type TestGitea } from '../support/gitea.ts';

let gitea: TestGitea;
beforeAll(async () => {
  gitea = await startGitea();
});
afterAll(async () => {
  await gitea?.stop();
});

interface Hook {
  readonly id: number;
  readonly active: boolean;
  readonly config: { readonly url: string };
  readonly events: readonly string[];
}

/** A repository, or an org with an issue in one of its repositories, and the commands on it. */
async function freshPlace(kind: 'repository' | 'org' = 'repository') {
  const { owner, name } = await gitea.createRepository();
  const port = await freePort();
  const repository = `${owner}/${name}`;
  const target = kind === 'org' ? owner : repository;
  if (kind === 'org') {
    await callGitea(gitea.alice, 'POST', `/repos/${repository}/issues`, { title: 'Any' });
  }
  const path = kind === 'org' ? `/orgs/${owner}` : `/repos/${repository}`;
  const config: SetupConfig = {
    dataDirectory: '/nonexistent',
    settingsFile: '/nonexistent/orchestrator.toml',
    apiUrl: gitea.apiUrl,
    token: gitea.bot.token,
    setupToken: gitea.alice.token,
    org: gitea.org,
    webhookSecret: 's3cret',
    publicUrl: `http://127.0.0.1:${port}`,
    host: '127.0.0.1',
    hostIsGiven: false,
    port,
    secretFiles: {},
  };
  const place = parsePlace(target);
  if (place === undefined) throw new Error(`${target} is no place`);
  return {
    url: `http://127.0.0.1:${port}/webhooks/gitea`,
    path,
    repository,
    run: (
      action: 'install' | 'test' | 'repair',
      changes: Partial<SetupConfig> = {},
    ): Promise<WebhookReport> =>
      handleWebhook({
        config: { ...config, ...changes },
        action,
        place,
        signal: AbortSignal.timeout(60_000),
        connect: (apiUrl, token) => createForgeSetup('gitea', { apiUrl, token }),
        openWatch: (secret) => listenForDeliveries(port, secret),
      }),
    async hooks(): Promise<readonly Hook[]> {
      return (await callGitea(gitea.alice, 'GET', `${path}/hooks`)) as Hook[];
    },
    async change(change: object): Promise<void> {
      const [hook] = (await callGitea(gitea.alice, 'GET', `${path}/hooks`)) as Hook[];
      await callGitea(gitea.alice, 'PATCH', `${path}/hooks/${hook?.id}`, {
        events: hook?.events,
        ...change,
      });
    },
  };
}

describe('webhook install', () => {
  test.each(['repository', 'org'] as const)('makes that of a %s and proves it', async (kind) => {
    const place = await freshPlace(kind);
    onTestFinished(async () => {
      for (const { id } of await place.hooks()) {
        await callGitea(gitea.alice, 'DELETE', `${place.path}/hooks/${id}`);
      }
    });

    const made = await place.run('install');

    expect(made).toEqual({
      url: place.url,
      changes: [`made a webhook for ${place.url}`],
      problems: [],
      outcome: 'arrived',
      advice: undefined,
    });
    expect(await place.run('test')).toMatchObject({ problems: [], outcome: 'arrived' });
    expect(await place.run('install')).toMatchObject({ changes: [], outcome: 'arrived' });
    expect(await place.hooks()).toMatchObject([{ active: true, config: { url: place.url } }]);
  });

  test('makes one beside that of another orchestrator', async () => {
    const place = await freshPlace();
    await place.run('install');
    const elsewhere = 'http://127.0.0.1:9/webhooks/gitea';
    await place.change({ config: { url: elsewhere, content_type: 'json' } });

    expect(await place.run('install')).toMatchObject({
      changes: [`made a webhook for ${place.url}, beside the one that leads to ${elsewhere}`],
      outcome: 'arrived',
    });
    const urls = (await place.hooks()).map((hook) => hook.config.url);
    expect(urls.toSorted()).toEqual([place.url, elsewhere].toSorted());
  });

  test('leaves the webhooks of other programs alone', async () => {
    const place = await freshPlace();
    const config = { url: 'https://ci.example.com/hook', content_type: 'json' };
    const other = { type: 'gitea', events: ['push'], active: true, config };
    await callGitea(gitea.alice, 'POST', `${place.path}/hooks`, other);

    await place.run('install');

    const urls = (await place.hooks()).map((hook) => hook.config.url);
    expect(urls.toSorted()).toEqual([place.url, 'https://ci.example.com/hook'].toSorted());
  });
});

describe('webhook test names what is wrong, and webhook repair mends it', () => {
  test.each([
    ['switched off', { active: false }, 'it is switched off'],
    [
      'without events',
      { events: ['push'] },
      'it does not tell of issues, issue_assign, issue_label, issue_comment, pull_request, pull_request_comment, pull_request_review',
    ],
    [
      'of another form',
      { config: { url: '', content_type: 'form' } },
      'it does not send JSON as Gitea does',
    ],
  ])('%s', async (_, change, problem) => {
    const place = await freshPlace();
    await place.run('install');
    const config = 'config' in change ? { config: { ...change.config, url: place.url } } : {};
    await place.change({ ...change, ...config });

    expect((await place.run('test')).problems).toEqual([problem]);

    expect((await place.run('repair')).changes).toEqual([`put right that ${problem}`]);
    expect(await place.run('test')).toMatchObject({ problems: [], outcome: 'arrived' });
  });

  test('at another address', async () => {
    const place = await freshPlace();
    await place.run('install');
    const elsewhere = 'http://127.0.0.1:9/webhooks/gitea';
    await place.change({ config: { url: elsewhere, content_type: 'json' } });

    expect((await place.run('test')).problems).toEqual([
      `it leads to ${elsewhere}, not to ${place.url}`,
    ]);

    expect(await place.run('repair')).toMatchObject({ outcome: 'arrived' });
    expect(await place.hooks()).toMatchObject([{ config: { url: place.url } }]);
  });

  test('deleted', async () => {
    const place = await freshPlace();

    expect(await place.run('test')).toMatchObject({
      problems: [`there is no webhook for ${place.url}`],
      outcome: undefined,
    });

    expect(await place.run('repair')).toMatchObject({ outcome: 'arrived' });
  });

  test('with another secret', async () => {
    const place = await freshPlace();
    await place.run('install', { webhookSecret: 'an older one' });

    expect(await place.run('test')).toMatchObject({
      outcome: 'refused',
      advice: expect.stringContaining(`orchestrator webhook repair ${place.repository}`),
    });

    expect(await place.run('repair')).toMatchObject({
      changes: [expect.stringContaining('another webhook in its place')],
      outcome: 'arrived',
    });
    expect(await place.hooks()).toHaveLength(1);
  });

  test('left in the middle of a test that was killed', async () => {
    const place = await freshPlace();
    await place.run('install');
    const url = `${place.url}?test=abandoned`;
    await place.change({ config: { url, content_type: 'json' } });
    const config = { url: `${place.url}?test=more`, content_type: 'json' };
    const other = { type: 'gitea', events: ['push'], active: true, config };
    await callGitea(gitea.alice, 'POST', `${place.path}/hooks`, other);

    await place.run('repair');

    expect(await place.hooks()).toMatchObject([{ config: { url: place.url } }]);
    expect(await place.run('repair')).toMatchObject({ changes: [], outcome: 'arrived' });
  });
});

test('who listens for the deliveries of a test is not brought down by what strangers send', async () => {
  const port = await freePort();
  await using watch = await listenForDeliveries(port, 's3cret');
  const address = `http://127.0.0.1:${port}`;

  expect((await fetch(`${address}//`)).status).toBe(404);
  const large = Readable.from(Array.from({ length: 1024 }, () => Buffer.alloc(65_536)));
  const upload = request(`${address}/webhooks/gitea?test=1`, { method: 'POST' });
  await expect(pipeline(large, upload)).rejects.toThrow(/EPIPE|ECONNRESET/);
  expect(await watch.find('1')).toBeUndefined();

  const unsigned = await fetch(`${address}/webhooks/gitea?test=2`, { method: 'POST', body: '{}' });
  expect(unsigned.status).toBe(401);
  expect(await watch.find('2')).toMatchObject({ accepted: false, status: 401 });
});

test(
  'a forge that blocks the address is told by the line that its app.ini needs',
  { timeout: 60_000 },
  async () => {
    const place = await freshPlace();
    const blocked = { publicUrl: 'http://10.123.0.9:8477' };

    const report = await place.run('install', blocked);

    expect(report.outcome).toBe('missing');
    expect(report.advice).toContain('[webhook]\nALLOWED_HOST_LIST = external, 10.123.0.9\n');
    const [hook] = await place.hooks();
    expect(report.advice).toContain(`/${place.repository}/settings/hooks/${hook?.id}`);
  },
);

test('who does not administrate the repository is told which token it takes', async () => {
  const place = await freshPlace();

  await expect(place.run('test', { setupToken: gitea.bot.token })).rejects.toThrow(
    SetupStoppedError,
  );
  await expect(place.run('test', { setupToken: gitea.bot.token })).rejects.toThrow(
    '--setup-token-file or FORGE_SETUP_TOKEN',
  );
});
