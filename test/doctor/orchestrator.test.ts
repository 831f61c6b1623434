import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { orchestratorCheck } from '../../src/doctor/orchestrator.ts';
import { look } from './look.ts';

/** Answers as an orchestrator does. */
let url: string;
let close: () => void;
let version: string;
let checks: object[];
beforeEach(async () => {
  version = '1.2.3';
  checks = [{ name: 'temporal', ok: true, reason: null }];
  const server = createServer((request, response) => {
    const answer =
      request.url === '/healthz'
        ? { status: 'ok', version, uptimeSeconds: 1 }
        : { ready: true, checks };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => {
    server.closeAllConnections();
    server.close();
  };
});
afterEach(() => close());

const examine = () => look([orchestratorCheck(url, '1.2.3')], 'orchestrator');

test('passes one that is ready', async () => {
  expect(await examine()).toEqual([{ verdict: 'pass', seen: `it answers at ${url} and is ready` }]);
});

test('fails for each reason why it is not ready', async () => {
  checks = [
    { name: 'temporal', ok: false, reason: 'no connection' },
    { name: 'worker', ok: false, reason: 'no worker polls' },
  ];
  expect(await examine()).toMatchObject([
    { verdict: 'fail', seen: 'it is not ready: temporal: no connection' },
    { verdict: 'fail', seen: 'it is not ready: worker: no worker polls' },
  ]);
});

test('warns of one that was not restarted after an upgrade, until it is', async () => {
  version = '1.2.2';
  expect(await examine()).toMatchObject([
    {
      verdict: 'warn',
      seen: 'it has version 1.2.2, and this command 1.2.3',
      fix: expect.stringContaining('Restart it'),
    },
    { verdict: 'pass' },
  ]);
  version = '1.2.3';
  expect(await examine()).toMatchObject([{ verdict: 'pass' }]);
});
