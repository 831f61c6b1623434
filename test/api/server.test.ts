import { connect, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addIssue, startSampleServer, type SampleServer } from './sample-server.ts';

let sample: SampleServer;
beforeEach(async () => {
  sample = await startSampleServer();
});
afterEach(() => sample.stop());

describe('everything below /api/v1 asks for the token', () => {
  test.each([
    '/issues',
    '/openapi.json',
    '/deliveries',
    '/reconcile',
    '/issues/a/b/1/runs/1/log',
    '/no-such-thing',
  ])('%s', async (path) => {
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: `Basic ${sample.token}` },
      { authorization: `Bearer ${sample.token}x` },
    ]) {
      const answer = await sample.server.inject({ url: `/api/v1${path}`, headers });
      expect(answer.statusCode).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.json()).toMatchObject({
        status: 401,
        detail: expect.stringMatching(/api-token/),
      });
    }
  });

  test('commands too, before anything else is looked at', async () => {
    const answer = await sample.server.inject({
      method: 'POST',
      url: '/api/v1/issues/acme/rocket/x/freeze',
      payload: 'not json',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.statusCode).toBe(401);
  });
});

describe('errors', () => {
  test('are problem details with the request id that the log has', async () => {
    const answer = await sample.server.inject({ url: '/nothing?x=1' });
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'There is no GET /nothing.',
      requestId: answer.headers['x-request-id'],
    });
    expect(sample.log.join('')).toContain(answer.json().requestId);
  });

  test.each([
    ['application/x-www-form-urlencoded', 'payload=1'],
    ['text/nonsense', 'x'],
    ['application/json', '{'],
    ['application/json', 'x'.repeat(70_000)],
  ])('an unknown path is a 404 whatever is sent to it: %s %.20s', async (type, payload) => {
    for (const url of ['/nothing', '/api/v1/nothing']) {
      const answer = await sample.server.inject({
        method: 'POST',
        url,
        payload,
        headers: { ...sample.authorization, 'content-type': type },
      });
      expect(answer.statusCode).toBe(404);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    }
  });

  test('a path that cannot be read is a problem too', async () => {
    const answer = await sample.server.inject({ url: '/api/v1/issues/%zz' });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });

  test.each([
    ['no HTTP', 'HELLO\r\n\r\n', 400],
    ['too many headers', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('what is %s is a problem too', async (_what, sent, status) => {
    await sample.server.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect((sample.server.server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(sent);
    const answer = await text(socket);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('content-type: application/problem+json');
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status });
  });

  test('an unknown path below /api/v1 is a 404 for whoever has the token', async () => {
    const answer = await sample.server.inject({
      url: '/api/v1/nothing',
      headers: sample.authorization,
    });
    expect(answer.statusCode).toBe(404);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  test('of ours tell the client nothing, and the log everything', async () => {
    await addIssue(sample.store, 3);
    sample.temporal.workflowStatus = new TypeError('the inner workings');
    const answer = await sample.server.inject({
      url: '/api/v1/issues/acme/rocket/3',
      headers: sample.authorization,
    });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/inner workings|at .*\.ts/);
    expect(sample.log.join('')).toContain('the inner workings');
  });

  test.each([
    ['not json', 400],
    ['{"by":"'.padEnd(70_000, 'x'), 413],
  ])('a body of %.20s… is %i', async (payload, status) => {
    const answer = await sample.server.inject({
      method: 'POST',
      url: '/api/v1/issues/acme/rocket/3/freeze',
      payload,
      headers: { ...sample.authorization, 'content-type': 'application/json' },
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.json().status).toBe(status);
    expect(answer.body).not.toMatch(/\bat .*\.[jt]s/);
  });
});

test('the token is in no log line', async () => {
  await sample.server.inject({ url: '/api/v1/issues', headers: sample.authorization });
  await sample.server.inject({
    url: '/api/v1/issues',
    headers: { authorization: 'Bearer hunter2' },
  });
  expect(sample.log.length).toBeGreaterThan(2);
  expect(sample.log.join('')).not.toContain(sample.token);
  expect(sample.log.join('')).not.toContain('hunter2');
});

test('OpenAPI 3.1 describes every route, with the token and named schemas', async () => {
  const answer = await sample.server.inject({
    url: '/api/v1/openapi.json',
    headers: sample.authorization,
  });
  const document = answer.json();
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths).toSorted()).toEqual([
    '/api/v1/deliveries',
    '/api/v1/issues',
    '/api/v1/issues/{owner}/{repository}/{number}',
    '/api/v1/issues/{owner}/{repository}/{number}/approve',
    '/api/v1/issues/{owner}/{repository}/{number}/destroy',
    '/api/v1/issues/{owner}/{repository}/{number}/extend',
    '/api/v1/issues/{owner}/{repository}/{number}/freeze',
    '/api/v1/issues/{owner}/{repository}/{number}/operations',
    '/api/v1/issues/{owner}/{repository}/{number}/resume',
    '/api/v1/issues/{owner}/{repository}/{number}/retry',
    '/api/v1/issues/{owner}/{repository}/{number}/runs',
    '/api/v1/issues/{owner}/{repository}/{number}/runs/{run}',
    '/api/v1/issues/{owner}/{repository}/{number}/runs/{run}/log',
    '/api/v1/issues/{owner}/{repository}/{number}/runs/{run}/prompt',
    '/api/v1/reconcile',
    '/api/v1/runs',
    '/api/v1/tokens',
    '/api/v1/tokens/{name}',
    '/api/v1/webhook-receipts',
    '/healthz',
    '/readyz',
  ]);
  expect(document.security).toEqual([{ token: [] }]);
  expect(Object.keys(document.components.schemas)).toEqual(
    expect.arrayContaining([
      'Issue',
      'IssueDetail',
      'Run',
      'Usage',
      'Budget',
      'Operation',
      'Delivery',
      'Problem',
    ]),
  );
  const operationIds: string[] = [];
  for (const [path, item] of Object.entries<Record<string, DescribedOperation>>(document.paths)) {
    for (const operation of Object.values(item)) {
      if (path.startsWith('/api/v1/')) {
        expect(operation.responses, path).toHaveProperty('401');
        expect(operation.responses, path).toHaveProperty('429');
      } else {
        expect(operation.security, path).toEqual([]);
      }
      operationIds.push(operation.operationId);
    }
  }
  expect(new Set(operationIds).size).toBe(operationIds.length);
  expect(operationIds).not.toContain(undefined);
});

interface DescribedOperation {
  readonly operationId: string;
  readonly responses: object;
  readonly security?: readonly object[];
}
