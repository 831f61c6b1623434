import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { program, startWorld, type Place, type World } from '../support/world.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

let world: World;
let place: Place;
beforeAll(async () => {
  world = await startWorld();
  place = await world.repository();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

interface Finding {
  readonly check: string;
  readonly verdict: string;
  readonly seen: string;
}

/** As the orchestrator's user would, with alice's help. */
async function doctor(...args: string[]): Promise<{ code: number; findings: readonly Finding[] }> {
  const { repository } = place;
  const name = `${repository.owner}/${repository.name}`;
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: world.dataDirectory,
    ORCHESTRATOR_DATA_DIR: world.dataDirectory,
    TEMPORAL_ADDRESS: world.temporal.server.address,
    FORGE_GITEA_API: world.gitea.apiUrl,
    FORGE_TOKEN: world.gitea.bot.token,
    FORGE_SETUP_TOKEN: world.gitea.alice.token,
    FORGE_WEBHOOK_SECRET: 'webhook-secret',
    FORGE_WEBHOOK_PORT: new URL(world.orchestrator.url).port,
  };
  const { code, stdout } = await run(
    process.execPath,
    [program, 'doctor', '--json', name, ...args],
    { env },
  ).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings };
}

function of(check: string, { findings }: { findings: readonly Finding[] }): readonly Finding[] {
  return findings.filter((finding) => finding.check === check);
}

test('an installation that works passes: nothing fails, nothing is left out', async () => {
  const examined = await doctor();
  expect(examined.findings.filter(({ verdict }) => !/^(pass|warn)$/.test(verdict))).toEqual([]);
  expect(examined.code).toBe(0);
  for (const check of ['orchestrator', 'workers', 'store', 'webhooks', 'webhook deliveries']) {
    expect(of(check, examined)).toMatchObject([{ verdict: 'pass' }]);
  }
});

test('remembers the repositories whose webhooks have arrived', async () => {
  await place.alice.openIssue({ title: 'Hello' });
  await until('the delivery', async () => (await world.deliveries()).length > 0);
  const { stdout } = await run(process.execPath, [program, 'doctor', '--json'], {
    env: {
      HOME: world.dataDirectory,
      ORCHESTRATOR_DATA_DIR: world.dataDirectory,
      TEMPORAL_ADDRESS: world.temporal.server.address,
      // Another host than the one that webhooks tell of.
      FORGE_GITEA_API: world.gitea.apiUrl.replace('127.0.0.1', 'localhost'),
      FORGE_TOKEN: world.gitea.bot.token,
      FORGE_WEBHOOK_SECRET: 'webhook-secret',
      FORGE_WEBHOOK_PORT: new URL(world.orchestrator.url).port,
    },
  });
  const examined = JSON.parse(stdout) as { findings: Finding[] };
  expect(of('webhooks', examined)).toMatchObject([
    { verdict: 'pass', seen: expect.stringContaining('it delivered last at ') },
  ]);
});

test('warns while no orchestrator runs, fails for another program in its place, passes when it is back', async () => {
  await world.orchestrator.stop();
  const stopped = await doctor();
  expect(of('orchestrator', stopped)).toMatchObject([
    { verdict: 'warn', seen: `none answers at ${world.orchestrator.url}` },
  ]);
  // Somebody listens in its place for the moment.
  expect(of('webhook deliveries', stopped)).toMatchObject([{ verdict: 'pass' }]);
  expect(stopped.code).toBe(0);

  const other = createServer((_, response) => response.end('hello'));
  other.listen(Number(new URL(world.orchestrator.url).port), '127.0.0.1');
  await once(other, 'listening');
  const taken = await doctor();
  expect(of('orchestrator', taken)).toMatchObject([
    { verdict: 'fail', seen: expect.stringContaining('something that is no orchestrator') },
  ]);
  expect(of('webhook deliveries', taken)).toMatchObject([
    { verdict: 'fail', seen: expect.stringContaining('what arrives cannot be seen') },
  ]);
  expect(taken.code).toBe(4);
  other.closeAllConnections();
  await new Promise((resolve) => other.close(resolve));

  await world.orchestrator.start();
  expect(of('orchestrator', await doctor())).toMatchObject([{ verdict: 'pass' }]);
});
