import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { answersAsTemporal } from '../../src/demo/temporal-server.ts';
import { startTestTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { startCommand } from './command.ts';
import { descendantsOf, isRunning } from './processes.ts';

// A busy machine may need longer than other tests do.
vi.setConfig({ testTimeout: 240_000 });

/** Settings of an orchestrator whose forge is away. */
async function settings(temporalAddress: string) {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'dev-'));
  onTestFinished(() => rm(dataDirectory, { recursive: true, force: true }));
  const port = await freePort();
  const environment = {
    ORCHESTRATOR_DATA_DIR: dataDirectory,
    TEMPORAL_ADDRESS: temporalAddress,
    FORGE_GITEA_API: 'http://127.0.0.1:9/api/v1',
    FORGE_TOKEN: 'token',
    FORGE_WEBHOOK_SECRET: 'secret',
    FORGE_WEBHOOK_PORT: String(port),
  };
  return { environment, dataDirectory, url: `http://127.0.0.1:${port}` };
}

test('settings that are missing are told before anything is started, with a hint at the demo', async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'dev-'));
  onTestFinished(() => rm(dataDirectory, { recursive: true, force: true }));

  const dev = await startCommand(['dev'], { ORCHESTRATOR_DATA_DIR: dataDirectory });

  expect(await dev.exitCode).toBe(2);
  expect(dev.output).toContain('FORGE_GITEA_API: is missing');
  expect(dev.output).toContain('orchestrator demo');
  expect(existsSync(join(dataDirectory, 'dev'))).toBe(false);
});

test('Temporal keeps its data and runs as long as the orchestrator, again and again', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const { environment, dataDirectory, url } = await settings(address);
  for (const start of ['first', 'second']) {
    const dev = await startCommand(['dev'], environment);
    await dev.says('working for Temporal');
    expect(dev.output, start).toContain(`Webhook       ${url}/webhooks/gitea`);
    expect(await fetch(`${url}/healthz`)).toMatchObject({ ok: true });
    const children = descendantsOf(dev.pid).map(({ pid }) => pid);

    dev.child.kill('SIGINT');

    expect(await dev.exitCode, dev.output).toBe(0);
    expect(children.length).toBeGreaterThanOrEqual(2);
    expect(children.filter(isRunning)).toEqual([]);
  }
  expect(existsSync(join(dataDirectory, 'dev', 'temporal.db'))).toBe(true);
});

test('a Temporal that is there is used, and left as it is', async () => {
  await using temporal = await startTestTemporal();
  const { environment, dataDirectory } = await settings(temporal.server.address);
  const dev = await startCommand(['dev'], environment);
  await dev.says('working for Temporal');

  dev.child.kill('SIGTERM');

  expect(await dev.exitCode, dev.output).toBe(0);
  expect(await answersAsTemporal(temporal.server.address)).toBe(true);
  expect(existsSync(join(dataDirectory, 'dev'))).toBe(false);
});

test('a port that something else has is told', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { environment } = await settings(`127.0.0.1:${port}`);

  const dev = await startCommand(['dev'], environment);

  expect(await dev.exitCode).toBe(1);
  expect(dev.output).toContain(`port ${port}, meant for Temporal, is taken`);
  expect(dev.output).not.toContain('    at ');
});

test('an orchestrator that ends takes Temporal along, and its exit code is told', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const { environment, url } = await settings(address);
  const other = createServer().listen(Number(new URL(url).port), '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());

  const dev = await startCommand(['dev'], environment);

  expect(await dev.exitCode).toBe(1);
  expect(dev.output).toContain('EADDRINUSE');
  await until('Temporal to be gone', () => descendantsOf(dev.pid).length === 0);
  expect(await answersAsTemporal(address)).toBe(false);
});
