import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureApiToken } from '../../src/api/api-token.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'token-'));
  path = join(directory, 'data', 'api-token');
});
afterEach(() => rm(directory, { recursive: true }));

test('a token of 32 random bytes is made, for its owner alone, and found again', async () => {
  const token = await ensureApiToken(path);
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, 'utf8')).toBe(`${token}\n`);
  expect(await ensureApiToken(path)).toBe(token);
});

test('all who ask at about the same time get the same token, and nothing else is left', async () => {
  for (let round = 0; round < 20; round++) {
    const data = join(directory, String(round));
    const tokens = await Promise.all(
      Array.from({ length: 10 }, async (_, turn) => {
        await delay(turn % 3);
        return ensureApiToken(join(data, 'api-token'));
      }),
    );
    expect(new Set(tokens).size).toBe(1);
    expect(await readdir(data)).toEqual(['api-token']);
  }
});

test('a token that others can read is refused', async () => {
  await ensureApiToken(path);
  await chmod(path, 0o640);
  await expect(ensureApiToken(path)).rejects.toThrow(/others can read the API token/);
});

test.each(['', 'short\n', `${'x'.repeat(20)} ${'x'.repeat(20)}`])(
  'a file with %j is no token',
  async (text) => {
    await ensureApiToken(path);
    await writeFile(path, text);
    await expect(ensureApiToken(path)).rejects.toThrow(/holds no API token/);
  },
);
