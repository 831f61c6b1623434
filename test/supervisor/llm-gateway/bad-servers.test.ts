import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { findProviderLimit } from '../../../src/supervisor/llm-gateway/provider-limit.ts';
import { until } from '../../support/until.ts';
import { event, listen, paths, portOf, sendJson, Stand, streams } from './stand.ts';

const target = paths['anthropic-messages'];
const body = { model: 'm', stream: true };

describe('a model server that', () => {
  test('is not there is answered for without its address', async () => {
    const gone = await listen();
    const port = portOf(gone);
    gone.close();
    await using stand = await Stand.open({ route: { upstream: `http://127.0.0.1:${port}` } });
    const reply = await stand.ask(target, { body });
    expect(reply.status).toBe(502);
    expect(reply.body).toContain('cannot be reached');
    expect(reply.body).toContain('ECONNREFUSED');
    expect(reply.body).not.toContain(String(port));
  });

  test('hangs is given up', async () => {
    await using stand = await Stand.open({ timing: { connectMs: 1_000, silenceMs: 200 } });
    stand.model = () => {};
    const reply = await stand.ask(target, { body });
    expect(reply.status).toBe(504);
    expect(reply.body).toContain('has said nothing for 0.2 s');
  });

  test('hangs in the middle of a stream is given up, with an error as last event', async () => {
    await using stand = await Stand.open({ timing: { connectMs: 1_000, silenceMs: 200 } });
    stand.model = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(streams['anthropic-messages'][0]);
    };
    const reply = await stand.ask(target, { body });
    expect(reply.body).toContain('broke off');
    expect(stand.usage).toMatchObject({ inputTokens: 700 });
  });

  test('truncates an answer that is no stream is answered for with an error', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{"content":', () => response.destroy());
    };
    const reply = await stand.ask(target, { body });
    expect(reply.status).toBe(502);
    expect(reply.body).toContain('broke off');
    expect(stand.usage).not.toHaveProperty('costUsd');
  });

  test.each([200, 404, 502])(
    'answers HTML with %i is answered for with an error',
    async (status) => {
      await using stand = await Stand.open();
      stand.model = (response) =>
        response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>');
      const reply = await stand.ask(target, { body });
      expect(reply.status).toBe(status === 200 ? 502 : status);
      expect(reply.headers['content-type']).toBe('application/json');
      expect(reply.body).not.toContain('Welcome');
      expect(JSON.parse(reply.body)).toMatchObject({ type: 'error' });
    },
  );

  test('answers something else than JSON as JSON is answered for with an error', async () => {
    await using stand = await Stand.open();
    stand.model = (response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{oops');
    expect(await stand.ask(target, { body })).toMatchObject({ status: 502 });
  });

  test('refuses the key is answered for in a way that ends the agent at once', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => sendJson(response, 401, { error: { message: 'sk-***cdef' } });
    const reply = await stand.ask(target, { body });
    expect(reply).toMatchObject({ status: 400, headers: { 'x-should-retry': 'false' } });
    expect(reply.body).toContain("does not accept the route's key");
    expect(reply.body).not.toContain('cdef');
  });

  test('is overloaded is heard as it is, and retried by the client', async () => {
    await using stand = await Stand.open();
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    stand.model = (response) => sendJson(response, 529, error, { 'retry-after': '5' });
    const reply = await stand.ask(target, { body });
    expect(reply).toMatchObject({ status: 529, headers: { 'retry-after': '5' } });
    expect(JSON.parse(reply.body)).toEqual(error);
    expect(stand.limits).toEqual([]);
  });

  test.each([
    ['an answer', 200, `{"content":[${'{},'.repeat(400_000)}{}]}`, 502, 'too much of it'],
    [
      'a deep answer',
      200,
      `{"content":${'['.repeat(400_000)}${']'.repeat(400_000)}}`,
      502,
      'too much',
    ],
    ['a deep error', 400, `{"error":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 500, 'passed on'],
  ])('sends %s that is made to take memory is refused', async (_, status, text, told, why) => {
    await using stand = await Stand.open();
    stand.model = (response) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    };
    const reply = await stand.ask(target, { body });
    expect(reply.status).toBe(told);
    expect(reply.body).toContain(why);
  });

  test('closes a kept connection just then is asked once more', async () => {
    await using stand = await Stand.open();
    let sockets = 0;
    stand.model = (response) => {
      if (stand.seen.length === 2) response.socket?.resetAndDestroy();
      else sendJson(response, 200, { usage: { output_tokens: 1 } });
      sockets++;
    };
    expect((await stand.ask(target, { body })).status).toBe(200);
    expect((await stand.ask(target, { body })).status).toBe(200);
    expect(sockets).toBe(3);
  });

  test('sends faster than the client reads is held back, not kept in memory', async () => {
    await using stand = await Stand.open();
    let sent = 0;
    const chunk = Buffer.from(`: ${'x'.repeat(65_533)}\n`);
    stand.model = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const fill = (): void => {
        while (sent < 1000) {
          sent++;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on('drain', fill);
      fill();
    };
    const client = connect(stand.port, '127.0.0.1');
    client.pause();
    const text = JSON.stringify(body);
    client.write(
      `POST /llm/${target} HTTP/1.1\r\nhost: x\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
    );
    let before = -1;
    await until('the stream to stand still', () => {
      const still = sent > 0 && sent === before;
      before = sent;
      return still;
    });
    client.destroy();
    expect(sent).toBeLessThan(500);
    await until('the rest to be read', () => sent === 1000);
  });
});

describe('the limit of a provider', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const hour = 3_600_000;
  const none = { error: { type: 'rate_limit_error', message: 'slow down' } };
  test.each<[string, Record<string, string>, unknown, number | undefined]>([
    ['in seconds', { 'retry-after': '3600' }, none, now + hour],
    ['as a date', { 'retry-after': 'Thu, 01 Jan 2026 02:00:00 GMT' }, none, now + 2 * hour],
    ['soon', { 'retry-after': '30' }, none, undefined],
    ['not at all', {}, none, undefined],
    ['as nonsense', { 'retry-after': 'soon' }, none, undefined],
    ['in a century', { 'retry-after': '99999999999' }, none, undefined],
    [
      "as a subscription's",
      { 'anthropic-ratelimit-unified-reset': String((now + hour) / 1000) },
      none,
      now + hour,
    ],
    [
      'of what is used up alone',
      {
        'anthropic-ratelimit-requests-remaining': '0',
        'anthropic-ratelimit-requests-reset': '2026-01-01T01:00:00Z',
        'anthropic-ratelimit-tokens-remaining': '9',
        'anthropic-ratelimit-tokens-reset': '2026-01-01T05:00:00Z',
      },
      none,
      now + hour,
    ],
    [
      'as a span',
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1h0m0.5s' },
      none,
      now + hour + 500,
    ],
    [
      'in the body',
      {},
      { error: { type: 'usage_limit_reached', resets_at: (now + hour) / 1000 } },
      now + hour,
    ],
    [
      'in the body, in seconds',
      {},
      { error: { type: 'usage_limit_reached', resets_in_seconds: 7200 } },
      now + 2 * hour,
    ],
  ])('is told %s', (_how, headers, answer, resetsAt) => {
    const limit = findProviderLimit({ status: 429, headers, body: answer }, now);
    expect(limit?.resetsAt).toBe(resetsAt);
  });

  test.each([
    [429, { error: { code: 'insufficient_quota' } }],
    [400, { error: { type: 'x', message: 'Your credit balance is too low to access' } }],
    [402, { error: { type: 'billing_error' } }],
  ])('without a time: %i %j', (status, answer) => {
    expect(findProviderLimit({ status, headers: {}, body: answer }, now)).toEqual({
      reason: "the quota at the model's provider is used up",
    });
  });

  test.each(['anthropic-messages', 'openai-responses'] as const)(
    'that is far away is told to the orchestrator, and to the client of %s for good',
    async (protocol) => {
      await using stand = await Stand.open();
      stand.model = (response) => sendJson(response, 429, none, { 'retry-after': '3600' });
      const reply = await stand.ask(paths[protocol], { body });
      expect(reply).toMatchObject({ status: 429, headers: { 'x-should-retry': 'false' } });
      expect(reply.headers).not.toHaveProperty('retry-after');
      expect(JSON.parse(reply.body)).toMatchObject({
        error: { type: 'usage_limit_reached', resets_at: expect.any(Number) },
      });
      expect(stand.limits).toEqual([
        { resetsAt: expect.any(Number), reason: expect.stringContaining('until 2') },
      ]);
    },
  );

  test('that is near passes through', async () => {
    await using stand = await Stand.open();
    stand.model = (response) => sendJson(response, 429, none, { 'retry-after': '20' });
    const reply = await stand.ask(target, { body });
    expect(reply).toMatchObject({ status: 429, headers: { 'retry-after': '20' } });
    expect(JSON.parse(reply.body)).toEqual(none);
    expect(stand.limits).toEqual([]);
  });

  test('that a stream ends with is heard too', async () => {
    await using stand = await Stand.open();
    const failed = event({
      type: 'response.failed',
      response: { usage: null, error: { code: 'insufficient_quota' } },
    });
    stand.model = (response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end(failed);
    const reply = await stand.ask(paths['openai-responses'], { body });
    expect(reply.body).toBe(failed);
    expect(stand.limits).toEqual([{ reason: "the quota at the model's provider is used up" }]);
  });
});
