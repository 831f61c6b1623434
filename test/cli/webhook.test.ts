import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { webhookRoutes } from '../../src/api/routes/webhooks.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { giteaWebhooks } from '../../src/forges/gitea/parse-webhook.ts';
import { recordedDelivery, recordedSecret } from '../api/recorded-deliveries.ts';
import { startSampleServer, type SampleServer } from '../api/sample-server.ts';
import { startGitea, type TestGitea } from '../support/gitea.ts';
import { run } from './orchestrator.ts';

let sample: SampleServer;
let url: string;
let gitea: TestGitea;
beforeAll(async () => {
  gitea = await startGitea();
  sample = await startSampleServer();
  await sample.server.register(webhookRoutes, {
    parser: giteaWebhooks,
    secret: recordedSecret,
    names: { host: '127.0.0.1', publicUrl: undefined, allowedHosts: [] },
    deliveries: sample.store.deliveries,
    receipts: sample.receipts,
    onSignature: () => {},
    onAccepted: () => undefined,
  });
  url = await sample.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await sample?.stop();
  await gitea?.stop();
});

/** With the settings that set-up leaves. */
function orchestrator(...args: string[]) {
  return run(args, {
    FORGE_GITEA_API: gitea.apiUrl,
    FORGE_TOKEN: gitea.bot.token,
    FORGE_SETUP_TOKEN: gitea.alice.token,
    FORGE_WEBHOOK_SECRET: recordedSecret,
    FORGE_WEBHOOK_PORT: new URL(url).port,
    ORCHESTRATOR_PUBLIC_URL: url,
    ORCHESTRATOR_TOKEN: sample.token,
  });
}

describe('webhook install, test and repair', () => {
  test('see the delivery arrive at the orchestrator that runs', async () => {
    const { owner, name } = await gitea.createRepository();
    const place = `${owner}/${name}`;

    const made = await orchestrator('webhook', 'install', place);

    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toBe(
      `DONE  made a webhook for ${url}/webhooks/gitea\nPASS  a delivery to ${url}/webhooks/gitea arrived, with the right signature\n`,
    );
    const again = await orchestrator('webhook', 'test', place, '--json');
    expect(JSON.parse(again.stdout)).toEqual({
      place,
      url: `${url}/webhooks/gitea`,
      changes: [],
      problems: [],
      outcome: 'arrived',
      advice: null,
    });
  });

  test('end with 4 and what helps when the webhook is gone, or signs with another secret', async () => {
    const { owner, name } = await gitea.createRepository();
    const place = `${owner}/${name}`;
    const gone = await orchestrator('webhook', 'test', place);
    expect(gone.code).toBe(4);
    expect(gone.stdout).toContain(`FAIL  there is no webhook for ${url}/webhooks/gitea`);
    const config = { url: `${url}/webhooks/gitea`, content_type: 'json', secret: 'another' };
    const hook = { type: 'gitea', events: ['issues'], active: true, config };
    await callGitea(gitea.alice, 'POST', `/repos/${place}/hooks`, hook);

    const refused = await orchestrator('webhook', 'test', place);

    expect(refused.code).toBe(4);
    expect(refused.stdout).toContain('FAIL  it does not tell of pull_request, ');
    expect(refused.stderr).toContain(`orchestrator webhook repair ${place}`);
    expect((await orchestrator('webhook', 'repair', place)).code).toBe(0);
    expect((await orchestrator('webhook', 'test', place)).code).toBe(0);
  });

  test.each([['acme/rocket/more'], ['a b']])('take no place called %s', async (place) => {
    const { code, stderr } = await orchestrator('webhook', 'test', place);

    expect(code).toBe(2);
    expect(stderr).toContain('neither owner/repository nor the name of an org');
  });
});

describe('webhook deliveries', () => {
  async function deliver(number: string, change: (body: string) => string = (body) => body) {
    const { headers, rawBody } = recordedDelivery(number);
    await fetch(`${url}/webhooks/gitea`, { method: 'POST', headers, body: change(rawBody) });
  }

  test('tells of each whether it was accepted, ignored or refused, and why', async () => {
    await deliver('01');
    await deliver('19');
    await deliver('02', (body) => body.replace('assigned', 'forgery!'));

    const { code, stdout } = await orchestrator('webhook', 'deliveries');

    expect(code).toBe(0);
    const [header, ...rows] = stdout.split('\n');
    expect(header).toMatch(/^RECEIVED +VERDICT +EVENT +ISSUE +REASON$/);
    expect(rows[0]).toMatch(/refused +issues +- +401 to 127\.0\.0\.1: The signature does not fit/);
    expect(rows[1]).toMatch(/ignored +push +- +not about an issue/);
    expect(rows[2]).toMatch(/waiting +issue opened +1\/1 +-$/);
    const { stdout: json } = await orchestrator('webhook', 'deliveries', '--json', '--limit', '1');
    expect(JSON.parse(json)).toMatchObject({ deliveries: [{ verdict: 'refused' }] });
  });
});

describe('init', () => {
  test('without a terminal says what to give', async () => {
    const { code, stderr } = await run(['init']);

    expect(code).toBe(2);
    expect(stderr).toContain('There is no terminal to ask at. Accepted: --yes');
  });

  test('--yes --json tells each step, and leaves what others may not read', async () => {
    const { owner, name } = await gitea.createRepository();
    const home = await mkdtemp(join(tmpdir(), 'init-'));
    onTestFinished(() => rm(home, { recursive: true }));

    const { code, stdout } = await run(
      ['init', '--yes', '--json', '--forge', gitea.url, '--repository', `${owner}/${name}`],
      {
        HOME: home,
        FORGE_TOKEN: gitea.bot.token,
        FORGE_SETUP_TOKEN: gitea.alice.token,
        FORGE_WEBHOOK_PORT: String(await freePort()),
      },
    );

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      left: 0,
      login: 'bot',
      steps: expect.arrayContaining([
        { state: 'changed', text: `made the webhook of ${owner}/${name}` },
      ]),
    });
    expect(stdout).not.toContain(gitea.alice.token);
    expect(await readdir(join(home, '.bot-bottle'))).toContain('orchestrator.toml');
  });
});
