import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { key, paths, type Reply, sendJson, Stand } from './stand.ts';

const ask = { model: 'm', messages: [], input: 'hello' };

function messageOf({ body }: Reply): string {
  return (JSON.parse(body) as { error: { message: string } }).error.message;
}

describe('what the gateway lets through', () => {
  test.each([
    ['POST', 'anthropic/v1/messages', '/v1/messages'],
    ['POST', 'anthropic/v1/messages?beta=true&key=stolen', '/v1/messages?beta=true'],
    ['POST', 'anthropic/v1/messages/count_tokens', '/v1/messages/count_tokens'],
    ['GET', 'anthropic/v1/models', '/v1/models'],
    ['GET', 'anthropic/v1/models/claude-x.1', '/v1/models/claude-x.1'],
    ['POST', 'responses/responses', '/v1/responses'],
    ['POST', 'responses/v1/responses', '/v1/responses'],
    ['GET', 'responses/models', '/v1/models'],
    ['POST', 'completions/chat/completions', '/v1/chat/completions'],
  ])('%s %s goes to %s', async (method, target, url) => {
    await using stand = await Stand.open();
    const reply = await stand.ask(target, method === 'POST' ? { body: ask } : { method });
    expect(reply.status).toBe(200);
    expect(stand.seen).toMatchObject([{ method, url }]);
    expect(stand.calls).toBe(1);
  });

  test.each(
    [
      ['POST', 'anthropic/v1/files'],
      ['GET', 'anthropic/v1/messages'],
      ['DELETE', 'anthropic/v1/models/x'],
      ['POST', 'anthropic/v1/messages/'],
      ['POST', 'anthropic//v1/messages'],
      ['POST', 'anthropic/v1/models/../messages'],
      ['GET', 'anthropic/v1/models/..'],
      ['POST', 'anthropic/v1%2fmessages'],
      ['POST', 'anthropic/v1/messages/batches'],
      ['POST', 'anthropic/http://other.example/v1/messages'],
      ['GET', 'responses/responses/r1'],
      ['POST', 'responses/chat/completions'],
      ['POST', 'completions/embeddings'],
      ['CONNECT_', 'anthropic/v1/messages'.slice(0, 9)],
    ].filter(([method]) => method !== 'CONNECT_'),
  )('%s %s is refused with what the route speaks', async (method, target) => {
    await using stand = await Stand.open();
    const reply = await stand.ask(target, { method });
    expect(reply.status).toBe(403);
    expect(JSON.parse(reply.body)).toMatchObject({
      type: 'error',
      error: { type: 'permission_error', code: 'permission_error' },
    });
    expect(messageOf(reply)).toContain('it speaks');
    expect(stand.seen).toEqual([]);
  });

  test.each(['other/v1/messages', '__proto__/v1/messages', '..%2fanthropic/v1/messages', ''])(
    'the route of /llm/%s is not there, and the error names those that are',
    async (target) => {
      await using stand = await Stand.open();
      const reply = await stand.ask(target, { body: ask });
      expect(reply.status).toBe(404);
      expect(messageOf(reply)).toContain('anthropic, responses, completions');
      expect(stand.seen).toEqual([]);
    },
  );

  test.each([
    ['no JSON', '{"model":', 'not JSON'],
    ['an array', '[]', 'not a JSON object'],
    ['no model', '{}', 'does not name a model'],
  ])('a body that is %s is refused', async (_what, body, message) => {
    await using stand = await Stand.open();
    const reply = await stand.ask(paths['anthropic-messages'], { body });
    expect(reply.status).toBe(400);
    expect(messageOf(reply)).toContain(message);
    expect(stand.seen).toEqual([]);
  });

  test('a body of more than 32 MiB, or a compressed one, is refused', async () => {
    await using stand = await Stand.open();
    const huge = await stand.ask(paths['anthropic-messages'], {
      body: `"${'x'.repeat(33 * 1024 * 1024)}"`,
    });
    expect(huge.status).toBe(413);
    const zipped = await stand.ask(paths['anthropic-messages'], {
      body: 'x',
      headers: { 'content-encoding': 'gzip' },
    });
    expect(messageOf(zipped)).toContain('compressed (gzip)');
  });

  test('a body that would take a multiple of its size in memory is refused', async () => {
    await using stand = await Stand.open();
    const wide = await stand.ask(paths['anthropic-messages'], {
      body: `{"model":"m","x":[${'{},'.repeat(1_000_000)}{}]}`,
    });
    expect(wide.status).toBe(413);
    expect(messageOf(wide)).toContain('more than 2000000 lists, objects and members');
    const deep = await stand.ask(paths['openai-responses'], {
      body: `{"model":"m","input":${'['.repeat(900_000)}${']'.repeat(900_000)}}`,
    });
    expect(deep.status).toBe(500);
    expect(stand.seen).toEqual([]);
  });

  test('what is there twice goes on once, as it was checked', async () => {
    await using stand = await Stand.open();
    await stand.ask(paths['anthropic-messages'], {
      body: '{"model":"m","mcp_servers":[{"url":"https://x.example"}],"mcp_servers":[]}',
    });
    expect(stand.seen[0]?.body).toBe('{"model":"m","mcp_servers":[]}');
  });

  test('four requests are under way at once, and the others wait for their turn', async () => {
    await using stand = await Stand.open();
    const open: (() => void)[] = [];
    stand.model = (response) => open.push(() => sendJson(response, 200, { usage: {} }));
    const asked = Array.from({ length: 6 }, () =>
      stand.ask(paths['anthropic-messages'], { body: ask }),
    );
    await expect.poll(() => open.length).toBe(4);
    open.shift()?.();
    await Promise.race(asked);
    await expect.poll(() => open.length).toBe(4);
    expect(stand.seen).toHaveLength(5);
    await expect
      .poll(() => {
        open.shift()?.();
        return stand.usages.length;
      })
      .toBe(6);
    expect((await Promise.all(asked)).every(({ status }) => status === 200)).toBe(true);
  });
});

describe('credentials', () => {
  const stolen = {
    authorization: 'Bearer stolen',
    'x-api-key': 'stolen',
    'proxy-authorization': 'Basic stolen',
    cookie: 'session=stolen',
    'x-goog-api-key': 'stolen',
    'x-forwarded-for': 'stolen',
  };
  const harmless = {
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'context-1m, files-2025',
    'user-agent': 'cli/1',
    'x-stainless-lang': 'js',
    originator: 'codex_exec',
    session_id: 's1',
  };

  test.each([
    ['x-api-key', { 'x-api-key': key, 'anthropic-beta': 'context-1m, files-2025' }],
    ['bearer', { authorization: `Bearer ${key}`, 'anthropic-beta': 'context-1m, files-2025' }],
    [
      'subscription',
      {
        authorization: `Bearer ${key}`,
        'anthropic-beta': 'context-1m,files-2025,oauth-2025-04-20',
      },
    ],
    ['none', { 'anthropic-beta': 'context-1m, files-2025' }],
  ] as const)(
    'of the client are taken away, and with %s the real one is sent',
    async (auth, sent) => {
      await using stand = await Stand.open({ route: { auth } });
      const reply = await stand.ask(`${paths['anthropic-messages']}?key=stolen&api_key=stolen`, {
        body: ask,
        headers: { ...stolen, ...harmless },
      });
      expect(reply.status).toBe(200);
      const [seen] = stand.seen;
      expect(JSON.stringify(seen)).not.toContain('stolen');
      expect(seen?.headers).toMatchObject({ ...harmless, ...sent, 'accept-encoding': 'identity' });
      const names = Object.keys(seen?.headers ?? {});
      const expected = auth === 'x-api-key' ? 'x-api-key' : 'authorization';
      expect(names.filter((name) => /api-key|auth/.test(name))).toEqual(
        auth === 'none' ? [] : [expected],
      );
    },
  );

  test('that are not here yet make the route unavailable, and none at all is said', async () => {
    await using early = await Stand.open({ keys: undefined });
    const reply = await early.ask(paths['anthropic-messages'], { body: ask });
    expect(reply.status).toBe(503);
    expect(messageOf(reply)).toContain('not here yet');
    early.gateway.setKeys({ other: key });
    expect(messageOf(await early.ask(paths['anthropic-messages'], { body: ask }))).toContain(
      'has no key',
    );
    early.gateway.setKeys({ anthropic: key });
    expect((await early.ask(paths['anthropic-messages'], { body: ask })).status).toBe(200);
  });

  test.each([200, 400, 401, 403, 404, 429, 500, 529])(
    'are in nothing that the client sees when a server repeats them with status %i',
    async (status) => {
      await using stand = await Stand.open();
      stand.model = (response, { headers }) =>
        sendJson(
          response,
          status,
          status === 200
            ? { content: [{ text: `you asked with ${key}` }], usage: { output_tokens: 1 } }
            : { error: { message: `bad key ${String(headers['x-api-key'])}`, [key]: key } },
          { 'set-cookie': key, 'www-authenticate': key, 'request-id': `of-${key}`, server: key },
        );
      const reply = await stand.ask(paths['anthropic-messages'], { body: ask });
      expect(stand.seen[0]?.headers['x-api-key']).toBe(key);
      expect(JSON.stringify(reply)).not.toContain(key);
      expect(Object.keys(reply.headers)).not.toContain('set-cookie');
    },
  );

  test('are in no stream, however it is cut into pieces', async () => {
    const said = `data: {"error":"${key} is wrong, ${key.slice(0, 10)} too, and ${key}"}\n\n`;
    const whole = Buffer.from(`${said}data: [DONE]\n\ndata: ${key.slice(0, 5)}`);
    for (let size = 1; size <= whole.length; size += size < key.length ? 1 : 20) {
      await using stand = await Stand.open();
      const send = async (response: ServerResponse): Promise<void> => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        for (let at = 0; at < whole.length; at += size) {
          response.write(whole.subarray(at, at + size));
          await nextTurn();
        }
        response.end();
      };
      stand.model = (response) => void send(response);
      const reply = await stand.ask(paths['anthropic-messages'], { body: ask });
      expect(reply.body).toBe(whole.toString().replaceAll(key, '[redacted]'));
    }
  });

  test('do not follow a redirection', async () => {
    await using stand = await Stand.open();
    stand.model = (response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:1/v1/messages' }).end();
    const reply = await stand.ask(paths['anthropic-messages'], { body: ask });
    expect(reply.status).toBe(502);
    expect(messageOf(reply)).toContain('redirection');
    expect(reply.headers.location).toBeUndefined();
  });
});

describe('what would make the provider act outside of the bottle is refused by name', () => {
  const image = { type: 'image', source: { type: 'url', url: 'https://x.example/i.png' } };
  const message = (content: unknown) => ({ messages: [{ role: 'user', content }] });
  test.each([
    ['anthropic', { mcp_servers: [{ url: 'https://x.example' }] }, 'mcp_servers'],
    ['anthropic', { container: 'c1' }, 'container'],
    ...['web_search_20250305', 'web_fetch_20250910', 'code_execution_20250825', 'mcp_toolset'].map(
      (type) =>
        ['anthropic', { tools: [{ name: 'a' }, { type }] }, `tools[1] of type ${type}`] as const,
    ),
    ['anthropic', message([image]), 'messages[0].content[0].source of type url'],
    [
      'anthropic',
      message([{ type: 'tool_result', content: [image] }]),
      'messages[0].content[0].content[0].source of type url',
    ],
    [
      'anthropic',
      message([{ type: 'document', source: { type: 'content', content: [image] } }]),
      'source.content[0].source of type url',
    ],
    ['anthropic', { system: [image] }, 'system[0].source'],
    ['responses', { background: true }, 'background'],
    ['responses', { prompt: { id: 'pmpt_1' } }, 'prompt'],
    ...['web_search', 'web_search_preview', 'mcp', 'file_search', 'code_interpreter'].map(
      (type) => ['responses', { tools: [{ type }] }, `tools[0] of type ${type}`] as const,
    ),
    ...['computer_use_preview', 'image_generation', 'shell'].map(
      (type) => ['responses', { tools: [{ type }] }, `tools[0] of type ${type}`] as const,
    ),
    [
      'responses',
      { tools: [{ type: 'namespace', tools: [{ type: 'mcp' }] }] },
      'tools[0].tools[0] of type mcp',
    ],
    [
      'responses',
      { input: [{ type: 'tool_search_output', tools: [{ type: 'mcp' }] }] },
      'input[0].tools[0] of type mcp',
    ],
    [
      'responses',
      { input: [{ content: [{ type: 'input_image', image_url: 'https://x.example/i' }] }] },
      'input[0].content[0].image_url',
    ],
    [
      'responses',
      { input: [{ type: 'function_call_output', output: [{ file_url: 'http://x.example' }] }] },
      'input[0].output[0].file_url',
    ],
    ['completions', { web_search_options: {} }, 'web_search_options'],
    [
      'completions',
      message([{ type: 'image_url', image_url: { url: 'https://x.example/i' } }]),
      'messages[0].content[0].image_url',
    ],
  ] as const)('%s: %j', async (route, part, named) => {
    const target = { anthropic: 'anthropic/v1/messages', responses: 'responses/responses' };
    const path = route === 'completions' ? paths['openai-completions'] : target[route];
    await using stand = await Stand.open();
    const reply = await stand.ask(path, { body: { model: 'm', ...part } });
    expect(reply.status).toBe(400);
    expect(reply.headers['x-should-retry']).toBe('false');
    expect(messageOf(reply)).toContain(named);
    expect(messageOf(reply)).toContain('set remote_tools');
    expect(stand.seen).toEqual([]);

    await using open = await Stand.open({ route: { remoteTools: true } });
    expect((await open.ask(path, { body: { model: 'm', ...part } })).status).toBe(200);
  });

  test('and what only looks like it passes', async () => {
    await using stand = await Stand.open();
    const anthropic = await stand.ask(paths['anthropic-messages'], {
      body: {
        model: 'm',
        mcp_servers: [],
        container: null,
        tools: [{ name: 'a' }, { type: 'bash_20250124' }, { type: 'custom', name: 'b' }],
        ...message([
          { type: 'tool_use', input: { source: { type: 'url' }, image_url: 'https://x.example' } },
          { type: 'image', source: { type: 'base64', data: '' } },
          { type: 'text', text: 'see https://x.example' },
        ]),
      },
    });
    expect(anthropic.status).toBe(200);
    const responses = await stand.ask(paths['openai-responses'], {
      body: {
        model: 'm',
        background: false,
        previous_response_id: 'r0',
        tools: [{ type: 'function', name: 'a' }, { type: 'custom' }, { type: 'local_shell' }],
        input: [
          { content: [{ type: 'input_image', image_url: 'data:image/png;base64,AA' }] },
          { type: 'function_call', arguments: '{"image_url":"https://x.example"}' },
        ],
      },
    });
    expect(responses.status).toBe(200);
  });
});
