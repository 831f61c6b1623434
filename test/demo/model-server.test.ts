import { afterEach, expect, test } from 'vitest';
import {
  type ModelServer,
  type ModelServerOptions,
  type ReceivedRequest,
  startModelServer,
} from '../../src/demo/model-server.ts';
import { type Conversation, inOrder, refusals } from '../../src/demo/model-turn.ts';

let server: ModelServer | undefined;
afterEach(async () => {
  await server?.close();
});

async function start(options: ModelServerOptions): Promise<ModelServer> {
  server = await startModelServer(options);
  return server;
}

const bash = { name: 'Bash', input_schema: {} };
const messages = [{ role: 'user', content: 'Do it.' }];

const post = (
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${server?.url ?? ''}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

test('answers a request that does not stream as a whole, with the tokens that the script says', async () => {
  await start({
    nextTurn: () => ({ say: 'I look.', run: 'ls', tokens: { input: 7, output: 3 } }),
  });

  const response = await post('/some/route/v1/messages?beta=true', {
    model: 'm1',
    messages,
    tools: [bash],
  });

  expect(await response.json()).toMatchObject({
    role: 'assistant',
    model: 'm1',
    stop_reason: 'tool_use',
    content: [
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', name: 'Bash', input: { command: 'ls' } },
    ],
    usage: { input_tokens: 7, output_tokens: 3 },
  });
});

test('shows the model the conversation, whichever protocol it comes by', async () => {
  const seen: Conversation[] = [];
  await start({
    nextTurn(conversation) {
      seen.push(conversation);
      return { say: 'Done.' };
    },
  });

  await post('/v1/messages', {
    model: 'a',
    tools: [bash],
    messages: [
      ...messages,
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'I look.' },
          { type: 'tool_use', id: '1', name: 'Bash', input: { command: 'ls' } },
        ],
      },
      { role: 'user', content: [{ type: 'tool_result', content: 'no', is_error: true }] },
    ],
  });
  await post('/v1/responses', {
    model: 'b',
    tools: [{ type: 'function', name: 'exec_command' }],
    input: [
      { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Rules.' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Do it.' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }] },
      { type: 'function_call', name: 'exec_command', arguments: '{"cmd":"ls"}' },
      { type: 'function_call_output', output: 'Process exited with code 2\nOutput:\nno' },
    ],
  });

  expect(seen.map(({ protocol, model }) => [protocol, model])).toEqual([
    ['anthropic-messages', 'a'],
    ['openai-responses', 'b'],
  ]);
  for (const { steps } of seen) {
    expect(steps).toMatchObject([
      { kind: 'prompt', text: 'Do it.' },
      { kind: 'said', text: 'I look.' },
      { kind: 'command', command: 'ls' },
      { kind: 'result', failed: true },
    ]);
  }
});

test('does not ask the model what a client wants to know beside the conversation', async () => {
  await start({ nextTurn: inOrder([]) });

  const response = await post('/v1/messages', { model: 'm1', messages });

  expect(await response.json()).toMatchObject({ content: [{ type: 'text', text: 'OK.' }] });
});

test('asks for a key, where it has one, and tells of each request', async () => {
  const requests: ReceivedRequest[] = [];
  await start({
    nextTurn: () => ({ say: 'Done.' }),
    key: 'secret',
    onRequest: (request) => requests.push(request),
  });
  const body = { model: 'm1', messages, tools: [bash] };

  expect((await post('/v1/messages', body, { 'x-api-key': 'other' })).status).toBe(401);
  expect((await post('/v1/messages', body, { 'x-api-key': 'secret' })).status).toBe(200);
  expect((await post('/v1/messages', body, { authorization: 'Bearer secret' })).status).toBe(200);
  expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual(
    Array.from({ length: 3 }, () => 'POST /v1/messages'),
  );
  expect(requests[0]?.headers['x-api-key']).toBe('other');
});

test('refuses as the script says, with headers and an error in both protocols', async () => {
  await start({ nextTurn: () => ({ fail: refusals.rateLimited }) });

  for (const path of ['/v1/messages', '/v1/responses']) {
    const response = await post(path, { tools: [bash] });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('3600');
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'rate_limit_error' },
    });
  }
});

test('knows no other paths, and takes no request that is no JSON', async () => {
  await start({ nextTurn: () => ({ say: 'Done.' }) });

  expect((await fetch(`${server?.url ?? ''}/v1/models`)).status).toBe(404);
  const response = await fetch(`${server?.url ?? ''}/v1/messages`, { method: 'POST', body: '{' });
  expect(response.status).toBe(404);
});

test.each(['broken', 'cut-short'] as const)(
  'an answer that is %s never comes to its end',
  async (fail) => {
    await start({ nextTurn: () => ({ fail }) });

    const response = await post('/v1/messages', { tools: [bash], messages, stream: true });
    const text = await response.text().catch(() => 'broken off');

    expect(text).not.toContain('message_stop');
    expect(text === 'broken off').toBe(fail === 'broken');
  },
);
