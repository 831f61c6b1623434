import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startSampleServer, type SampleServer } from './sample-server.ts';

let sample: SampleServer;
afterEach(() => sample.stop());

async function start(): Promise<void> {
  sample = await startSampleServer({
    names: {
      host: 'builder',
      publicUrl: 'https://Bots.example.com/orchestrator',
      allowedHosts: ['builder.lan'],
    },
  });
}

async function status(headers: Record<string, string>, url = '/api/v1/issues'): Promise<number> {
  const all = { ...sample.authorization, ...headers };
  return (await sample.server.inject({ url, headers: all })).statusCode;
}

describe('the host that a request names', () => {
  test.each([
    'localhost',
    'localhost:8477',
    'LocalHost.',
    'app.localhost:1',
    '127.0.0.1:8477',
    '[::1]:8477',
    '192.168.1.5:8477',
    '[fe80::1]',
    'builder:8477',
    'builder.lan',
    'bots.example.com',
    'BOTS.example.com:443',
  ])('%s is ours', async (host) => {
    await start();
    expect(await status({ host })).toBe(200);
  });

  test.each([
    'evil.example',
    'evil.example:8477',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'bots.example.com.evil.example',
    '127.0.0.1@evil.example',
    '[evil]',
  ])('%j is not: 421, on every path, before the token is looked at', async (host) => {
    await start();
    for (const url of ['/api/v1/issues', '/api/v1/nothing', '/healthz', '/readyz', '/docs', '/x']) {
      expect(await status({ host }, url)).toBe(421);
      expect(await status({ host, authorization: '' }, url)).toBe(421);
    }
  });

  test('is told in the answer, with what helps', async () => {
    await start();
    const answer = await sample.server.inject({
      url: '/healthz',
      headers: { host: 'evil.example' },
    });
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.json().detail).toMatch(/evil\.example.*ORCHESTRATOR_ALLOWED_HOSTS/);
  });

  test('may be left out by HTTP/1.0, as simple health checks do', async () => {
    await start();
    await sample.server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = sample.server.server.address() as AddressInfo;
    const answered = Promise.withResolvers<number | undefined>();
    request({ host: '127.0.0.1', port, path: '/healthz', setHost: false, agent: false })
      .on('socket', (socket) => {
        socket.once('connect', () => socket.write('GET /healthz HTTP/1.0\r\n\r\n'));
      })
      .on('response', ({ statusCode }) => answered.resolve(statusCode))
      .on('error', answered.reject);
    expect(await answered.promise).toBe(200);
  });
});

describe('the page that a request comes from', () => {
  test.each([
    [{ host: 'localhost:8477', origin: 'http://localhost:8477' }],
    [{ host: 'builder.lan', origin: 'https://builder.lan' }],
    // Behind a proxy that names its own upstream.
    [{ host: '127.0.0.1:8477', origin: 'https://bots.example.com' }],
  ])('%j is ours', async (headers) => {
    await start();
    expect(await status(headers)).toBe(200);
  });

  test.each([
    [{ host: 'localhost:8477', origin: 'http://localhost:3000' }],
    [{ host: 'localhost:8477', origin: 'https://evil.example' }],
    [{ host: 'localhost:8477', origin: 'https://localhost.evil.example:8477' }],
    [{ host: '127.0.0.1:8477', origin: 'http://bots.example.com' }],
    [{ host: 'localhost:8477', origin: 'null' }],
    [{ host: 'localhost:8477', origin: 'nonsense' }],
  ])('%j is not: 403', async (headers) => {
    await start();
    expect(await status(headers)).toBe(403);
  });
});
