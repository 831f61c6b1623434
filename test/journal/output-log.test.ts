import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutputLog, readOutputLog } from '../../src/journal/output-log.ts';
import { until } from '../support/until.ts';

const cap = { headBytes: 100, pieceBytes: 40, pieces: 3 };
const never = new AbortController().signal;

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'output-'));
  path = join(directory, 'output.log');
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

test('what fits is kept byte for byte', async () => {
  const log = new OutputLog(path, cap);
  for (let i = 0; i < 20; i++) log.write(Buffer.from(`line ${i}\n`));
  log.close();

  const expected = Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join('');
  expect(await readAll()).toBe(expected);
});

test('of more, head and tail are kept and the gap between them is counted', async () => {
  const log = new OutputLog(path, cap);
  const printed = Array.from({ length: 500 }, (_, i) => `${i},`).join('');
  for (let at = 0; at < printed.length; at += 7) log.write(Buffer.from(printed.slice(at, at + 7)));
  log.close();

  const match = /^(.*)\n\[… (\d+) bytes left out …\]\n(.*)$/s.exec(await readAll());
  const [, head = '', gap = '', tail = ''] = match ?? [];
  expect(head).toBe(printed.slice(0, 100));
  expect(printed.endsWith(tail)).toBe(true);
  expect(tail.length).toBeGreaterThan(80);
  expect(head.length + Number(gap) + tail.length).toBe(printed.length);
});

test('the disk never holds more than the cap', async () => {
  const log = new OutputLog(path, cap);
  for (let i = 0; i < 1000; i++) log.write(Buffer.alloc(33, 'x'));
  log.close();

  const sizes = await Promise.all(
    (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size),
  );
  expect(sizes.reduce((a, b) => a + b)).toBeLessThanOrEqual(100 + 3 * 40);
});

test('a reader follows while it is written, across the gap', async () => {
  const log = new OutputLog(path, cap);
  let ended = false;
  let text = '';
  const reading = (async () => {
    for await (const chunk of readOutputLog(path, () => ended, never)) {
      text += Buffer.from(chunk).toString('utf8');
    }
  })();
  log.write(Buffer.from('first\n'));
  await until('the first line', () => text === 'first\n');
  for (let i = 0; i < 300; i++) log.write(Buffer.from(`${i}\n`));
  log.close();
  ended = true;
  await reading;

  expect(text.startsWith('first\n0\n1\n')).toBe(true);
  expect(text.endsWith('298\n299\n')).toBe(true);
  expect(text).toMatch(/bytes left out/);
});

async function readAll(): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readOutputLog(path, () => true, never)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
