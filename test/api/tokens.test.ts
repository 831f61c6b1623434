import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { addIssue, startSampleServer, type SampleServer } from './sample-server.ts';

let sample: SampleServer;
beforeEach(async () => {
  sample = await startSampleServer();
});
afterEach(async () => {
  vi.useRealTimers();
  await sample.stop();
});

function ask(method: 'GET' | 'POST' | 'DELETE', path: string, token: string, payload?: object) {
  return sample.server.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${token}` },
    ...(payload !== undefined && { payload }),
  });
}

async function create(body: object): Promise<string> {
  const answer = await ask('POST', '/tokens', sample.token, body);
  expect(answer.statusCode).toBe(201);
  return answer.json<{ token: string }>().token;
}

async function listed(): Promise<Record<string, unknown>[]> {
  return (await ask('GET', '/tokens', sample.token)).json().tokens as Record<string, unknown>[];
}

describe('a token that is made', () => {
  test('is shown once, and only its digest is kept', async () => {
    const answer = await ask('POST', '/tokens', sample.token, { name: 'ci' });
    const { token, ...rest } = answer.json<{ token: string }>();
    expect(token).toMatch(/^bbo_[\w-]{43}$/);
    expect(rest).toEqual({
      name: 'ci',
      scope: 'write',
      createdAt: expect.any(String),
      lastUsedAt: null,
      expiresAt: null,
      expired: false,
    });
    expect(await listed()).toEqual([rest]);
    expect(JSON.stringify(await sample.store.apiTokens.all())).not.toContain(token.slice(4));
    expect(sample.log.join('')).not.toContain(token.slice(4));
  });

  test('reads and commands, in its own name', async () => {
    await addIssue(sample.store, 3);
    const token = await create({ name: 'ci' });
    expect((await ask('GET', '/issues', token)).statusCode).toBe(200);
    expect((await ask('POST', '/issues/acme/rocket/3/freeze', token)).statusCode).toBe(202);
    expect(sample.temporal.sent.at(-1)?.command).toEqual({ type: 'freeze', by: 'ci' });
    const extended = await ask('POST', '/issues/acme/rocket/3/extend', token, { seconds: 60 });
    expect(extended.statusCode).toBe(202);
    expect(sample.temporal.sent.at(-1)?.command).toMatchObject({ by: 'ci' });
  });

  test('is named in the log with what it asked for', async () => {
    const token = await create({ name: 'ci' });
    sample.log.length = 0;
    await ask('GET', '/issues', token);
    const completed = sample.log
      .map((line) => JSON.parse(line) as { msg: string; caller?: string })
      .find(({ msg }) => msg === 'request completed');
    expect(completed?.caller).toBe('ci');
  });

  test('only reads when that is its scope', async () => {
    await addIssue(sample.store, 3);
    const token = await create({ name: 'wall', scope: 'read' });
    expect((await ask('GET', '/issues/acme/rocket/3', token)).statusCode).toBe(200);
    const refused = await ask('POST', '/issues/acme/rocket/3/freeze', token);
    expect(refused.statusCode).toBe(403);
    expect(refused.json().detail).toContain('wall may only read');
    expect(sample.temporal.sent).toEqual([]);
  });

  test.each(['read', 'write'])('makes, lists and revokes no token with scope %s', async (scope) => {
    const token = await create({ name: 'leaked', scope });
    for (const [method, path, body] of [
      ['GET', '/tokens', undefined],
      ['POST', '/tokens', { name: 'successor' }],
      ['DELETE', '/tokens/leaked', undefined],
    ] as const) {
      expect((await ask(method, path, token, body)).statusCode).toBe(403);
    }
    expect(await listed()).toHaveLength(1);
  });

  test('counts no more when it has expired, and is still listed', async () => {
    const now = Date.now();
    const token = await create({ name: 'guest', expiresInSeconds: 60 });
    vi.useFakeTimers({ toFake: ['Date'], now: now + 59_000 });
    expect((await ask('GET', '/issues', token)).statusCode).toBe(200);
    vi.setSystemTime(now + 61_000);
    expect((await ask('GET', '/issues', token)).statusCode).toBe(401);
    expect(await listed()).toMatchObject([{ name: 'guest', expired: true }]);
  });

  test('counts no more when it is revoked, and its name is free', async () => {
    const token = await create({ name: 'ci' });
    expect((await ask('DELETE', '/tokens/CI', sample.token)).statusCode).toBe(204);
    expect((await ask('GET', '/issues', token)).statusCode).toBe(401);
    const successor = await create({ name: 'ci' });
    expect((await ask('GET', '/issues', successor)).statusCode).toBe(200);
    expect((await ask('GET', '/issues', token)).statusCode).toBe(401);
  });

  test('tells when it was last used, to the minute', async () => {
    const begun = Date.UTC(2026, 0, 1);
    vi.useFakeTimers({ toFake: ['Date'], now: begun });
    const token = await create({ name: 'ci' });
    for (const [after, seen] of [
      [1_000, 1_000],
      [60_999, 1_000],
      [61_000, 61_000],
    ] as const) {
      vi.setSystemTime(begun + after);
      await ask('GET', '/issues', token);
      expect((await listed())[0]?.['lastUsedAt']).toBe(new Date(begun + seen).toISOString());
    }
  });
});

describe('refused is', () => {
  test('a name that is taken, whatever its letter case: 409', async () => {
    await create({ name: 'ci' });
    const answer = await ask('POST', '/tokens', sample.token, { name: 'CI' });
    expect(answer.statusCode).toBe(409);
    expect(answer.json().detail).toContain('Revoke it first');
  });

  test.each([
    [{}],
    [{ name: '' }],
    [{ name: 'two words' }],
    [{ name: 'API' }],
    [{ name: '../x' }],
    [{ name: 'x'.repeat(65) }],
    [{ name: 'x', scope: 'admin' }],
    [{ name: 'x', expiresInSeconds: 0 }],
    [{ name: 'x', expiresInSeconds: 1e12 }],
    [{ name: 'x', expires: '1d' }],
  ])('%j: 400', async (body) => {
    expect((await ask('POST', '/tokens', sample.token, body)).statusCode).toBe(400);
    expect(await listed()).toEqual([]);
  });

  test('to revoke what there is not: 404', async () => {
    expect((await ask('DELETE', '/tokens/ci', sample.token)).statusCode).toBe(404);
  });
});

test('tokens outlive the server, which keeps them in the store', async () => {
  await create({ name: 'ci', scope: 'read' });
  const [record] = await sample.store.apiTokens.all();
  expect(record).toMatchObject({ name: 'ci', scope: 'read', lastUsedAt: undefined });
  expect(record?.digest).toMatch(/^[\da-f]{64}$/);
});
