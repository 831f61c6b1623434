import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { methodSchemas } from '../../../src/supervisor/sidecar/methods.ts';
import { until } from '../../support/until.ts';
import { branch, openStand } from './stand.ts';
import type { CallError, Stand } from './stand.ts';

const program = join(import.meta.dirname, '../../../src/supervisor/sidecar/forge-command.ts');

let stand: Stand;
/** Another of the same, where the same is done over JSON-RPC. */
let other: Stand;
let clients: Client[] = [];
beforeEach(async () => {
  [stand, other] = await Promise.all([openStand(), openStand()]);
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
  await Promise.all([stand.close(), other.close()]);
});

type Transport = Parameters<Client['connect']>[0];
type Era = 'legacy' | 'auto';

async function connect(transport: Transport, mode: Era = 'legacy'): Promise<Client> {
  const client = new Client(
    { name: 'test', version: '1' },
    { versionNegotiation: { mode }, capabilities: {} },
  );
  clients.push(client);
  await client.connect(transport);
  return client;
}

const overHttp = (): Transport => new StreamableHTTPClientTransport(new URL('/mcp', stand.origin));
const throughForge = (): Transport =>
  new StdioClientTransport({
    command: process.execPath,
    args: [program, 'mcp'],
    env: { FORGE_SOCKET: stand.socket },
  });

describe.each([
  ['over HTTP', overHttp],
  ['through forge mcp', throughForge],
])('an MCP client %s', (_, open) => {
  test('is told what there is, with a schema for each tool that says what is taken', async () => {
    const client = await connect(open());
    expect(client.getInstructions()).toContain('Call signal_done once');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(Object.keys(methodSchemas));
    for (const { name, title, description, inputSchema, annotations } of tools) {
      expect(title).not.toBe('');
      expect(description).toMatch(/\.$/);
      expect(annotations?.readOnlyHint).toBe(name.startsWith('read_'));
      expect(withoutTexts(inputSchema)).toEqual(
        withoutTexts(z.toJSONSchema(methodSchemas[name as keyof typeof methodSchemas])),
      );
    }
  });

  test('gets from each tool what JSON-RPC gives, and leaves the same op log', async () => {
    const client = await connect(open());
    for (const { alice } of [stand, other]) {
      alice.comment(2, 'Hm.\u2028Well.');
      alice.push(branch);
    }
    for (const [name, named] of [
      ['read_issue', { number: 2 }],
      ['read_comments', { number: 2 }],
      ['post_comment', { number: 1, body: 'On it.' }],
      ['update_description', { number: 1, body: 'Do it.\u2028Now.' }],
      ['open_pr', { title: 'Did it', body: '' }],
      ['read_pr', { number: 3 }],
      ['signal_done', { status: 'success', summary: 'Done.' }],
    ] as const) {
      const result = await client.callTool({ name, arguments: named });
      const expected = await other.call(name, named);
      const content = Array.isArray(expected) ? { comments: expected } : expected;
      expect(result.isError).toBeUndefined();
      expect(timeless(result.structuredContent)).toEqual(timeless(content));
      expect(result.content).toEqual([
        { type: 'text', text: JSON.stringify(result.structuredContent) },
      ]);
    }
    expect(timeless(stand.entries)).toEqual(timeless(other.entries));
    expect(stand.operations()).toHaveLength(7);
    expect(stand.dones).toEqual([{ status: 'success', summary: 'Done.' }]);
  });

  test.each([
    ['out of scope', 'post_comment', { number: 2, body: 'Mine now.' }],
    ['without a parameter', 'post_comment', { number: 1 }],
    ['with a wrong parameter', 'read_issue', { number: 'one' }],
    ['with a parameter too many', 'read_issue', { number: 1, token: 'x' }],
    ['of what is not there', 'read_issue', { number: 99 }],
    ['without a push', 'open_pr', { title: 'x', body: '' }],
  ])('is told of a call %s what JSON-RPC tells, as a result', async (_, name, named) => {
    for (const { site, repository } of [stand, other]) {
      site.byId(repository.id).branches.set(branch, new Set());
    }
    const client = await connect(open());
    const { isError, content } = await client.callTool({ name, arguments: named });
    const error: unknown = await other.call(name, named).catch((refused: unknown) => refused);
    expect({ isError, content }).toEqual({
      isError: true,
      content: [{ type: 'text', text: (error as CallError).message }],
    });
    expect(timeless(stand.entries)).toEqual(timeless(other.entries));
    expect(stand.operations()).toHaveLength(1);
  });

  test('may only read after signal_done', async () => {
    const client = await connect(open());
    const done = { name: 'signal_done', arguments: { status: 'success', summary: 'Done.' } };
    await client.callTool(done);
    expect(await client.callTool(done)).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/success already.*Exit now\./) }],
    });
    const { isError } = await client.callTool({ name: 'read_issue', arguments: { number: 1 } });
    expect(isError).toBeUndefined();
    expect(stand.dones).toHaveLength(1);
    expect(stand.operations().map(({ outcome }) => outcome)).toEqual(['ok', 'rejected', 'ok']);
  });

  test('that asks for a tool there is not gets an error of the protocol, which is logged', async () => {
    const client = await connect(open());
    const error: unknown = await client.callTool({ name: 'merge_pr' }).catch((no: unknown) => no);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({
      code: -32602,
      message: expect.stringContaining('read_issue, read_pr'),
    });
    await expect(other.call('merge_pr')).rejects.toThrow();
    expect(timeless(stand.entries)).toEqual(timeless(other.entries));
    expect(stand.operations()).toMatchObject([{ operation: 'unknown', outcome: 'rejected' }]);
  });

  test('that sends too much is told so', async () => {
    const client = await connect(open());
    const body = 'x'.repeat(1024 * 1024);
    await expect(
      client.callTool({ name: 'post_comment', arguments: { number: 1, body } }),
    ).rejects.toThrow('larger than 1048576 bytes');
    expect(stand.operations()).toMatchObject([{ operation: 'unknown', outcome: 'rejected' }]);
  });

  test('that asks for too much at once is told to slow down', async () => {
    const client = await connect(open());
    await client.listTools();
    const before = stand.calls;
    const { promise: allAsked, resolve: onAllAsked } = Promise.withResolvers<void>();
    const slow = stand.forge.readIssue.bind(stand.forge);
    stand.forge.readIssue = async (...args) => {
      await allAsked;
      return slow(...args);
    };
    const calls = Array.from({ length: 20 }, () =>
      client.callTool({ name: 'read_issue', arguments: { number: 1 } }),
    );
    const settled = Promise.allSettled(calls);
    await until('all of them to arrive', () => stand.calls === before + calls.length);
    onAllAsked();
    const refused = (await settled).flatMap((call) =>
      call.status === 'rejected' ? [String(call.reason)] : [],
    );
    expect(refused).toEqual(Array(4).fill(expect.stringContaining('go on more slowly')));
  });

  test('that would rather speak a newer version falls back to one of ours', async () => {
    const client = await connect(open(), 'auto');
    expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25');
    await client.ping();
    expect(stand.operations()).toEqual([]);
  });
});

describe('POST /mcp', () => {
  const message = (method: string, params?: object, id?: number): string =>
    JSON.stringify({ jsonrpc: '2.0', id, method, params });
  const ask = async (body: string, headers?: Record<string, string>) => {
    const { status, text } = await stand.post(body, '/mcp', 'POST', headers);
    return { status, body: text === '' ? undefined : JSON.parse(text) };
  };

  test.each([
    ['2025-06-18', '2025-06-18'],
    ['2024-11-05', '2024-11-05'],
    ['2099-01-01', '2025-11-25'],
    [7, '2025-11-25'],
  ])('of initialize with version %s agrees on %s', async (protocolVersion, agreed) => {
    expect(await ask(message('initialize', { protocolVersion }, 1))).toMatchObject({
      status: 200,
      body: { id: 1, result: { protocolVersion: agreed, capabilities: { tools: {} } } },
    });
  });

  test('is a check-in, whatever it says', async () => {
    await ask(message('ping', {}, 1));
    await ask(message('notifications/initialized'));
    await ask('nonsense');
    expect(stand.calls).toBe(3);
  });

  test('of a version that is not spoken is refused', async () => {
    const headers = { 'mcp-protocol-version': '2099-01-01' };
    expect(await ask(message('tools/list', {}, 1), headers)).toMatchObject({
      status: 400,
      body: { error: { code: -32600, message: expect.stringContaining('2025-11-25') } },
    });
  });

  test.each(['notifications/initialized', 'notifications/cancelled'])(
    'of %s is taken without an answer',
    async (method) => {
      expect(await ask(message(method))).toEqual({ status: 202, body: undefined });
      expect(stand.operations()).toEqual([]);
    },
  );

  test.each(['resources/list', 'read_issue', 'toString'])(
    'of %s, which is no method of MCP here, is an error of the protocol',
    async (method) => {
      expect(await ask(message(method, {}, 1))).toMatchObject({
        status: 200,
        body: { id: 1, error: { code: -32601, message: expect.stringContaining('tools/call') } },
      });
    },
  );

  test.each([
    ['{"jsonrpc":', -32700],
    ['{}', -32600],
    [message('tools/call', undefined, 1), -32602],
    [message('tools/call', { name: 7 }, 1), -32602],
    [message('tools/call', { name: 'read_issue', arguments: [1] }, 1), -32602],
  ])('of %s is an error of the protocol, and logged', async (body, code) => {
    expect(await ask(body)).toMatchObject({ status: 200, body: { error: { code } } });
    expect(stand.operations()).toMatchObject([{ operation: 'unknown', outcome: 'rejected' }]);
  });

  test.each(['/mcp', '/rpc'])('of a web page is refused, also at %s', async (path) => {
    const headers = { origin: 'http://rebound.example:3128' };
    const body = message('signal_done', { status: 'success', summary: 'x' }, 1);
    expect((await stand.post(body, path, 'POST', headers)).status).toBe(403);
    expect(stand.dones).toEqual([]);
  });

  test.each([
    ['GET', '/mcp', 405],
    ['DELETE', '/mcp', 405],
    ['POST', '/mcp/sse', 404],
  ])('alone is answered: %s %s is %i', async (method, path, status) => {
    expect((await stand.post('', path, method)).status).toBe(status);
  });
});

/** The same for equal calls, whenever they are made. */
function timeless(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, part: unknown) =>
      ['at', 'createdAt', 'updatedAt', 'durationMs'].includes(key) ? 0 : part,
    ),
  );
}

/** What a schema says to a program. */
function withoutTexts(schema: object): unknown {
  return JSON.parse(
    JSON.stringify(schema, (key, part: unknown) =>
      ['description', '$schema'].includes(key) ? undefined : part,
    ),
  );
}
