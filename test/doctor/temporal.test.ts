import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TemporalConfig } from '../../src/config/temporal.ts';
import type { Finding } from '../../src/doctor/check.ts';
import { clockCheck, temporalClock } from '../../src/doctor/clock.ts';
import { temporalChecks } from '../../src/doctor/temporal.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { startTemporalServer, type TemporalServer } from '../../src/demo/temporal-server.ts';
import { hostTaskQueues, orchestratorTaskQueue } from '../../src/domain/ids.ts';
import { ensureTemporal } from '../../tools/temporal.ts';
import { workflowBundle } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { look } from './look.ts';

const run = promisify(execFile);

let directory: string;
let server: TemporalServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'doctor-'));
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true });
});

/** As somebody else's: without our search attributes. */
async function startServer(port?: number): Promise<TemporalServer> {
  const binary = await ensureTemporal((line) => console.error(line));
  const options = { binary, logFile: join(directory, 'temporal.log') };
  return await startTemporalServer({ ...options, ...(port !== undefined && { port }) });
}

interface Settings extends Partial<TemporalConfig> {
  readonly address?: string;
  readonly hostId?: string;
  readonly isRunning?: boolean;
}

function checksOf({ address = server.address, namespace = 'default', ...parts }: Settings = {}) {
  return temporalChecks({
    temporal: { connectionOptions: { address }, namespace },
    hostId: parts.hostId,
    isRunning: async () => parts.isRunning ?? false,
  }).all;
}

describe('Temporal', () => {
  test('fails while nothing listens there, and what needs it is left out', async () => {
    const port = await freePort();
    const checks = checksOf({ address: `127.0.0.1:${port}` });
    expect(await look(checks, 'Temporal')).toMatchObject([
      {
        verdict: 'fail',
        seen: `no Temporal answers at 127.0.0.1:${port} (ECONNREFUSED)`,
        fix: expect.stringContaining('TEMPORAL_ADDRESS'),
      },
    ]);
    expect(await look(checks, 'search attributes')).toMatchObject([
      { verdict: 'skipped', seen: 'needs namespace' },
    ]);
    await using started = {
      server: await startServer(port),
      [Symbol.asyncDispose]: () => started.server.stop(),
    };
    expect(await look(checks, 'Temporal')).toMatchObject([
      { verdict: 'pass', seen: expect.stringMatching(/^Temporal 1\.\d+\.\d+ at 127/) },
    ]);
  });

  test('fails in time for one that takes the connection and says nothing', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
      expect(await look(checksOf({ address }), 'Temporal')).toMatchObject([
        { verdict: 'fail', seen: expect.stringContaining('does not answer as Temporal') },
      ]);
    } finally {
      silent.close();
    }
  });

  test("fails for the address of its web pages, and names the frontend's port", async () => {
    const address = `127.0.0.1:${server.uiPort}`;
    expect(await look(checksOf({ address }), 'Temporal')).toMatchObject([
      { verdict: 'fail', fix: expect.stringContaining('7233') },
    ]);
  });
});

describe('namespace', () => {
  test('fails when there is none; --fix makes it, and the search attributes in it', async () => {
    const checks = checksOf({ namespace: 'bottles' });
    expect(await look(checks, 'namespace')).toMatchObject([
      {
        verdict: 'fail',
        seen: 'there is no namespace bottles',
        fix: expect.stringContaining('temporal operator namespace create --namespace bottles'),
      },
    ]);
    expect(await look(checks, 'search attributes', { fix: true })).toMatchObject([
      { verdict: 'pass' },
    ]);
    expect(await look(checks, 'namespace')).toEqual([
      { verdict: 'pass', seen: 'bottles is there' },
    ]);
  });
});

test('the commands that the findings name do the same as --fix', async () => {
  const checks = checksOf({ namespace: 'by-hand' });
  const binary = await ensureTemporal((line) => console.error(line));
  const type = async (finding: Finding | undefined): Promise<void> => {
    const { fix = '' } = finding as { fix?: string };
    for (const [command] of fix.matchAll(/temporal operator [^\n`]+/g)) {
      const words = command.split(' ').slice(1);
      await run(binary, [...words, '--address', server.address], { env: { HOME: directory } });
    }
  };
  const passes = (name: string) =>
    until(`${name} to pass`, async () => (await look(checks, name))[0]?.verdict === 'pass');

  const [absent] = await look(checks, 'namespace');
  expect(absent).toMatchObject({ verdict: 'fail' });
  await type(absent);
  await passes('namespace');
  const lacks = await until('the attributes to be asked for', async () => {
    const [finding] = await look(checks, 'search attributes');
    return finding?.verdict === 'warn' ? finding : undefined;
  });
  await type(lacks);
  await passes('search attributes');
});

describe('search attributes', () => {
  test('warns of each that is missing; --fix registers them', async () => {
    const [finding] = await look(checksOf(), 'search attributes');
    expect(finding).toMatchObject({
      verdict: 'warn',
      seen: expect.stringMatching(/^default lacks /),
    });
    expect((finding as { fix: string }).fix).toMatch(
      /temporal operator search-attribute create --namespace default --name \w+ --type Keyword/,
    );
    expect(await look(checksOf(), 'search attributes', { fix: true })).toMatchObject([
      { verdict: 'pass' },
    ]);
  });
});

describe('workers', () => {
  test('warns while no orchestrator runs, fails when one runs and does not poll, passes when it does', async () => {
    const hostId = '0a1b2c3d';
    const name = 'workers';
    const queues = hostTaskQueues(hostId);
    expect(await look(checksOf(), name)).toMatchObject([
      { verdict: 'warn', seen: 'no orchestrator has ever worked in this data directory' },
    ]);
    expect(await look(checksOf({ hostId }), name)).toMatchObject([
      { verdict: 'warn', seen: expect.stringContaining(`${queues.probe}: no orchestrator runs`) },
    ]);
    expect(await look(checksOf({ hostId, isRunning: true }), name)).toMatchObject([
      { verdict: 'fail', seen: expect.stringContaining('although an orchestrator runs') },
    ]);

    const connection = await NativeConnection.connect({ address: server.address });
    const activities = { probe: async () => undefined };
    const workers = [
      await Worker.create({
        connection,
        taskQueue: orchestratorTaskQueue,
        workflowBundle: await workflowBundle(),
        activities,
      }),
    ];
    for (const taskQueue of [queues.watch, queues.control, queues.probe]) {
      workers.push(await Worker.create({ connection, taskQueue, activities }));
    }
    const running = workers.map((worker) => worker.run());
    try {
      await until('all queues to be polled', async () => {
        const [finding] = await look(checksOf({ hostId, isRunning: true }), name);
        return finding?.verdict === 'pass';
      });
    } finally {
      workers.forEach((worker) => worker.shutdown());
      await Promise.all(running);
      await connection.close();
    }
  });
});

describe('clock of Temporal', () => {
  test('warns when this machine is off by a minute, fails when it is off by ten, passes when it goes', async () => {
    const temporal = { connectionOptions: { address: server.address }, namespace: 'default' };
    const examine = (offMs: number) =>
      look(
        [clockCheck(temporalClock(temporal, []), () => Date.now() + offMs)],
        'clock of Temporal',
      );
    expect(await examine(-60_000)).toMatchObject([
      { verdict: 'warn', seen: expect.stringMatching(/ (59|60|61) s behind that of Temporal$/) },
    ]);
    expect(await examine(600_000)).toMatchObject([
      { verdict: 'fail', fix: expect.stringContaining('timedatectl set-ntp true') },
    ]);
    expect(await examine(0)).toMatchObject([{ verdict: 'pass' }]);
  });
});
