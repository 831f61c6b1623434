import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { redaction } from '../../src/doctor/redaction.ts';
import { openStore } from '../../src/store/open-store.ts';
import { run } from '../cli/orchestrator.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'doctor-'));
});
afterEach(() => {
  rmSync(data, { recursive: true });
});

function write(file: string, text: string): string {
  const path = join(data, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** One in each place where there may be one. */
const secrets = {
  forgeToken: 'forge-4f1bd7c2aa',
  setupToken: 'setup-99ab12ef00',
  webhookSecret: 'whisper "quietly" & long',
  apiToken: 'api-token-of-thirty-two-characters-0001',
  routeKey: 'key-of-a-route-77',
  openaiKey: 'sk-openai-3141592653',
  temporalKey: 'temporal-key-2718281828',
  cliToken: 'cli-token-of-thirty-two-characters-0002',
} as const;

/** An installation that has told its secrets wherever it could. */
async function leak(): Promise<Record<string, string>> {
  const everything = Object.values(secrets);
  const login = Buffer.from(`agent-bot:${secrets.forgeToken}`).toString('base64');
  const lines = [
    ...everything.map((secret) => `it said ${secret}`),
    ...everything.map((secret) => JSON.stringify({ level: 'info', msg: secret })),
    ...everything.map((secret) => `GET /x?secret=${encodeURIComponent(secret)}`),
    `Authorization: Basic ${login}`,
    'cloning https://somebody:hunter2-of-nobody@gitea.example/acme/rocket.git',
    'password=unknown-to-us-123',
    'the harmless end',
  ];
  write('orchestrator.log', `${lines.join('\n')}\n`);
  write('state/bottles/acme-rocket-1-0a1b2c3d/runs/1/supervisor.log', `${lines.join('\n')}\n`);
  write('state/bottles/acme-rocket-1-0a1b2c3d/runs/1/output.log', 'what the agent said\n');
  write('api-token', `${secrets.apiToken}\n`);
  const key = write('keys/mine', `${secrets.routeKey}\n`);
  write(
    'orchestrator.toml',
    `[llm_routes.mine]\nprotocol = "openai-responses"\nupstream = "http://127.0.0.1:1/v1"\nauth = "bearer"\nkey_file = "${key}"\n`,
  );
  write('bottles/small.md', `---\nenvironment: {OOPS: ${secrets.forgeToken}}\n---\n`);
  write(
    'agents/demo.md',
    `---\nprovider: script\nbottle: small\ncommand: [sh, -c, "x=${secrets.routeKey}"]\n---\n`,
  );
  const store = await openStore(join(data, 'orchestrator.db'));
  const { sequence } = await store.deliveries.add({
    digest: 'd'.repeat(64),
    deliveryId: 'one',
    event: 'issues',
    orderKey: '7/1',
    headers: {},
    body: Buffer.from(secrets.webhookSecret),
    receivedAt: Date.now(),
  });
  await store.deliveries.setAside(sequence, `the forge refused ${secrets.forgeToken}`);
  await store.close();
  return {
    ORCHESTRATOR_DATA_DIR: data,
    FORGE_GITEA_API: 'http://127.0.0.1:1/api/v1',
    FORGE_TOKEN: secrets.forgeToken,
    FORGE_SETUP_TOKEN_FILE: write('keys/setup', secrets.setupToken),
    FORGE_WEBHOOK_SECRET: secrets.webhookSecret,
    OPENAI_API_KEY: secrets.openaiKey,
    OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    TEMPORAL_API_KEY: secrets.temporalKey,
    TEMPORAL_TLS: 'false',
    ORCHESTRATOR_TOKEN: secrets.cliToken,
    DOCKER_HOST: `unix://${data}/none.sock`,
  };
}

describe('the support bundle', () => {
  test('tells what was found, and none of the secrets in any form', async () => {
    const file = join(data, 'support.json');
    const { code, stdout, stderr } = await run(['doctor', '--bundle', file], await leak());
    expect(stderr).toMatch(/^error: \d+ checks failed\.\n$/);
    expect(code).toBe(4);
    expect(stdout).toContain(`Read ${file} before you pass it on.`);

    const text = readFileSync(file, 'utf8');
    for (const secret of Object.values(secrets)) {
      for (const form of [
        secret,
        JSON.stringify(secret).slice(1, -1),
        JSON.stringify(JSON.stringify(secret)).slice(3, -3),
        encodeURIComponent(secret),
        Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1),
      ]) {
        expect(text).not.toContain(form);
        expect(stdout).not.toContain(form);
      }
    }
    expect(text).not.toContain(
      Buffer.from(`agent-bot:${secrets.forgeToken}`).toString('base64').slice(15, 30),
    );
    expect(text).not.toContain('hunter2-of-nobody');
    expect(text).not.toContain('unknown-to-us-123');
    expect(text).not.toContain('what the agent said');

    const bundle = JSON.parse(text);
    expect(bundle).toMatchObject({
      version: expect.stringMatching(/^\d/),
      machine: { node: process.versions.node },
      findings: expect.arrayContaining([
        expect.objectContaining({ check: 'forge', verdict: 'fail' }),
      ]),
      settings: {
        given: {
          FORGE_TOKEN: 'given in the environment',
          FORGE_GITEA_API: 'http://127.0.0.1:1/api/v1',
        },
        temporal: { address: '127.0.0.1:1', apiKey: true },
      },
      manifests: { agents: [{ name: 'demo', bottle: 'small' }] },
      store: {
        deliveries: [{ state: 'set-aside', reason: 'the forge refused [redacted]' }],
      },
      logs: expect.arrayContaining([expect.objectContaining({ file: 'orchestrator.log' })]),
    });
    for (const { lines } of bundle.logs) expect(lines.at(-1)).toBe('the harmless end');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('takes the place of no other file', async () => {
    const file = write('mine.json', '{}');
    const { code, stderr } = await run(['doctor', '--bundle', file], await leak());
    expect(code).toBe(2);
    expect(stderr).toContain('is there already');
    expect(readFileSync(file, 'utf8')).toBe('{}');
  });
});

test('a secret is found in the middle of anything that is encoded as a whole', () => {
  const redact = redaction(['s3cret-of-mine']);
  for (const before of ['', 'a', 'ab', 'abc', 'login:']) {
    for (const after of ['', 'x', 'xy', 'xyz']) {
      const encoded = Buffer.from(`${before}s3cret-of-mine${after}`).toString('base64');
      expect(redact(`it is ${encoded}.`)).toContain('[redacted]');
    }
  }
  expect(redact('nothing to see')).toBe('nothing to see');
});
