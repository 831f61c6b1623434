import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run, runOnTerminal } from './orchestrator.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'doctor-'));
  mkdirSync(join(data, 'agents'));
  mkdirSync(join(data, 'bottles'));
  writeFileSync(
    join(data, 'agents/demo.md'),
    '---\nprovider: script\nbottle: small\ncommand: [sh]\n---\n',
  );
  writeFileSync(join(data, 'bottles/small.md'), '---\nbackend: local\n---\n');
});
afterEach(() => {
  rmSync(data, { recursive: true });
});

/** Of an installation that nobody has set up yet. */
function environment(more: Record<string, string> = {}): Record<string, string> {
  return {
    ORCHESTRATOR_DATA_DIR: data,
    DOCKER_HOST: `unix://${data}/none.sock`,
    TEMPORAL_ADDRESS: '127.0.0.1:1',
    ...more,
  };
}

test('says for each thing how it is, what mends it, and what it needs; ends with 4', async () => {
  const { code, stdout, stderr } = await run(['doctor'], environment());
  expect(stderr).toMatch(/^error: \d+ checks failed\.\n$/);
  expect(code).toBe(4);
  expect(stdout).toMatch(/^PASS {2}versions: Node /m);
  expect(stdout).toMatch(/^FAIL {2}settings: FORGE_TOKEN: is missing\n {6}Give it as accepted: /m);
  expect(stdout).toMatch(/^SKIP {2}forge: needs settings$/m);
  expect(stdout).toMatch(
    /^FAIL {2}Temporal: no Temporal answers at 127\.0\.0\.1:1 \(ECONNREFUSED\)$/m,
  );
  expect(stdout).toMatch(/^SKIP {2}workers: needs namespace$/m);
  expect(stdout).toMatch(/^WARN {2}bottle backends: docker: .+none\.sock/m);
});

test('as JSON: one finding for each, with its fix', async () => {
  const { code, stdout } = await run(['doctor', '--json'], environment());
  const { findings } = JSON.parse(stdout) as { findings: object[] };
  expect(code).toBe(4);
  expect(findings).toContainEqual({
    check: 'namespace',
    verdict: 'skipped',
    seen: 'needs Temporal',
    fix: null,
    fixable: false,
    mended: [],
  });
  expect(findings).toContainEqual({
    check: 'settings',
    verdict: 'fail',
    seen: 'FORGE_TOKEN: is missing',
    fix: expect.stringContaining('FORGE_TOKEN_FILE'),
    fixable: false,
    mended: [],
  });
});

test('--fix mends what needs no decision, and says so', async () => {
  const token = join(data, 'token');
  writeFileSync(token, 'f00df00d\n', { mode: 0o644 });
  const given = environment({ FORGE_TOKEN_FILE: token });
  const before = await run(['doctor'], given);
  expect(before.stdout).toMatch(/^FAIL {2}secret files: others may use .+0644$/m);
  expect(before.stdout).toContain('Or let `orchestrator doctor --fix` do it.');
  const after = await run(['doctor', '--fix'], given);
  expect(after.stdout).toMatch(/^MENDED {2}secret files: others may use .+0644$/m);
  expect(after.stdout).toMatch(/^PASS {2}secret files: /m);
  expect(statSync(token).mode & 0o777).toBe(0o600);
});

test(
  'does not wait for a forge that hangs, nor does its process',
  { timeout: 40_000 },
  async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const began = Date.now();
    const { stdout } = await run(
      ['doctor'],
      environment({ FORGE_GITEA_API: `http://127.0.0.1:${port}/api/v1`, FORGE_TOKEN: 'f00df00d' }),
    );
    expect(stdout).toMatch(/^FAIL {2}forge: /m);
    expect(Date.now() - began).toBeLessThan(20_000);
    silent.closeAllConnections();
    silent.close();
  },
);

test("asks a model's server for the models that agents name", async () => {
  const server = createServer(({ url, headers }, response) => {
    const isRight = url === '/v1/models' && headers.authorization === 'Bearer sk-right';
    response.statusCode = isRight ? 200 : 401;
    response.end(JSON.stringify({ data: [{ id: 'known-1' }] }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  writeFileSync(join(data, 'key'), 'sk-right\n', { mode: 0o600 });
  writeFileSync(
    join(data, 'orchestrator.toml'),
    `[llm_routes.mine]\nprotocol = "openai-responses"\nupstream = "http://127.0.0.1:${port}/v1"\nauth = "bearer"\nkey_file = "${data}/key"\n`,
  );
  writeFileSync(join(data, 'bottles/small.md'), '---\nbackend: local\nllm: [mine]\n---\n');
  const nameModel = (model: string): void =>
    writeFileSync(
      join(data, 'agents/demo.md'),
      `---\nprovider: pi\nbottle: small\nmodel: ${model}\n---\n`,
    );
  nameModel('unknown-1');
  const before = await run(['doctor'], environment());
  expect(before.stdout).toMatch(/^WARN {2}model route mine: .+ does not list unknown-1/m);
  expect(before.stdout).toMatch(
    /^FAIL {2}agents' programs: .+ no program pi in its bottle small$/m,
  );
  nameModel('known-1');
  const after = await run(['doctor'], environment());
  expect(after.stdout).toMatch(/^PASS {2}model route mine: .+ accepts the key/m);
  server.close();
});

test('shows on a terminal what it waits for', async () => {
  const { code, output } = await runOnTerminal(['doctor'], environment(), { at: '', answer: '' });
  expect(code).toBe(4);
  expect(output).toContain('looking at ');
  expect(output).toMatch(/PASS {2}versions: Node /);
});

test('refuses a name that is neither of a repository nor of an org', async () => {
  const { code, stderr } = await run(['doctor', 'https://gitea.example/acme'], environment());
  expect(code).toBe(2);
  expect(stderr).toContain('neither owner/repo nor the name of an org');
});
