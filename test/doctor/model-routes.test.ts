import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LlmRoute } from '../../src/domain/agent.ts';
import type { Check } from '../../src/doctor/check.ts';
import { modelRouteCheck, type RouteParts } from '../../src/doctor/model-routes.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { look } from './look.ts';

const settings: Check = { name: 'settings', run: async () => [] };

/** Takes one key, and knows one model. */
let upstream: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let close: () => void;
beforeEach(async () => {
  answer = ({ headers, url }, response) => {
    const isRight =
      url?.startsWith('/v1/models?') &&
      headers['x-api-key'] === 'sk-right' &&
      headers['anthropic-version'];
    response.statusCode = isRight ? 200 : 401;
    response.end(JSON.stringify(isRight ? { data: [{ id: 'opus-9' }] } : { error: 'no' }));
  };
  const server = createServer((request, response) => answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => {
    server.closeAllConnections();
    server.close();
  };
});
afterEach(() => close());

function examine({
  key = 'sk-right',
  models = ['opus-9'],
  used = true,
  ...route
}: Partial<LlmRoute> & { key?: string; models?: readonly string[]; used?: boolean } = {}) {
  const parts: RouteParts = {
    name: 'mine',
    route: {
      protocol: 'anthropic-messages',
      upstream,
      auth: 'x-api-key',
      prices: {},
      remoteTools: false,
      ...route,
    },
    key: key === '' ? undefined : key,
    wanted: async () => ({ models, used }),
  };
  return look([modelRouteCheck(parts, settings)], 'model route mine');
}

test('passes where the key is accepted and the model is known, by a request that costs nothing', async () => {
  expect(await examine()).toEqual([
    { verdict: 'pass', seen: `${upstream} accepts the key and has 1 models` },
  ]);
});

test('fails for a key that the server does not accept, and never tells it', async () => {
  const findings = await examine({ key: 'sk-stale-secret' });
  expect(findings).toMatchObject([
    {
      verdict: 'fail',
      seen: `${upstream} does not accept the key (401)`,
      fix: expect.stringContaining('start the orchestrator again'),
    },
  ]);
  expect(JSON.stringify(findings)).not.toContain('sk-stale');
});

test('warns of a model that the server does not list', async () => {
  expect(await examine({ models: ['opus-99'] })).toMatchObject([
    {
      verdict: 'warn',
      seen: expect.stringContaining('opus-99'),
      fix: expect.stringContaining('opus-9.'),
    },
  ]);
});

test('fails for a server that cannot be reached; only warns where no bottle has the route', async () => {
  const gone = `http://127.0.0.1:${await freePort()}`;
  expect(await examine({ upstream: gone })).toMatchObject([
    { verdict: 'fail', seen: `${gone} cannot be reached (ECONNREFUSED)` },
  ]);
  expect(await examine({ upstream: gone, used: false })).toMatchObject([
    { verdict: 'warn', seen: expect.stringContaining('no bottle has this route') },
  ]);
});

test('fails in time for a server that never answers', async () => {
  answer = () => undefined;
  expect(await examine()).toMatchObject([{ verdict: 'fail', seen: 'no answer within 10 s' }]);
});

test('warns of a server that is out of order', async () => {
  answer = (_, response) => void response.writeHead(503).end();
  expect(await examine()).toMatchObject([{ verdict: 'warn' }]);
});

test('passes a server that lists no models, and says that the key was not tried', async () => {
  answer = (_, response) => void response.writeHead(404).end();
  expect(await examine()).toMatchObject([
    { verdict: 'pass', seen: expect.stringContaining('the key was not tried') },
  ]);
});

test('asks an OpenAI server below its base address, with the key as bearer', async () => {
  answer = ({ url, headers }, response) => {
    const isRight = url === '/v1/models' && headers.authorization === 'Bearer sk-right';
    response.statusCode = isRight ? 200 : 401;
    response.end(JSON.stringify({ data: [{ id: 'opus-9' }] }));
  };
  const route = {
    protocol: 'openai-responses',
    auth: 'bearer',
    upstream: `${upstream}/v1`,
  } as const;
  expect(await examine(route)).toMatchObject([{ verdict: 'pass' }]);
});

test('is left out where its key cannot be read', async () => {
  expect(await examine({ key: '' })).toEqual([
    { verdict: 'skipped', seen: 'its key cannot be read: see settings' },
  ]);
});
