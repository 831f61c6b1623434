import { afterEach, assert, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { addIssue, addRun, startSampleServer, type SampleServer } from './sample-server.ts';

let sample: SampleServer;
let base: string;
beforeEach(async () => {
  sample = await startSampleServer();
  const first = await addIssue(sample.store, 3);
  await addRun(sample.store, first, 1);
  const second = await addIssue(sample.store, 3, { life: 2 });
  await addRun(sample.store, second, 1, undefined, 2);
  await addRun(sample.store, second, 2, undefined, 2);
  base = `${await sample.server.listen({ host: '127.0.0.1', port: 0 })}/api/v1/issues/acme/rocket/3/runs`;
});
afterEach(() => sample.stop());

function get(path: string, signal?: AbortSignal) {
  return fetch(`${base}/${path}`, {
    headers: sample.authorization,
    ...(signal && { signal }),
  });
}

/** Reads chunks until `text` was seen. */
async function readTo(reader: ReadableStreamDefaultReader<Uint8Array>, text: string) {
  let seen = '';
  while (!seen.includes(text)) {
    const { value, done } = await reader.read();
    expect(done, `the stream ended after ${JSON.stringify(seen)}`).toBe(false);
    seen += Buffer.from(value ?? []).toString();
  }
  return seen;
}

describe("a run's log", () => {
  test('is plain text, of the newest run of the newest life by default', async () => {
    sample.outputs.write('hello\n');
    const answer = await get('latest/log');
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await answer.text()).toBe('acme-rocket-3-00000002 run 2\nhello\n');
  });

  test('of a numbered run, in this life or another', async () => {
    expect(await (await get('1/log')).text()).toBe('acme-rocket-3-00000002 run 1\n');
    expect(await (await get('1/log?life=1')).text()).toBe('acme-rocket-3-00000001 run 1\n');
  });

  test.each([
    ['9/log', 404, /Life 2 of the issue has no run 9\. Its runs: 1, 2\./],
    ['latest/log?life=5', 404, /Its runs: none\./],
    ['newest/log', 400, /params/],
    ['1/log?follow=perhaps', 400, /querystring/],
  ])('%s is %i', async (path, status, detail) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as { detail: string }).detail).toMatch(detail);
  });
});

describe('following a log', () => {
  test('gives what is written as it is written, and ends when the run does', async () => {
    const answer = await get('latest/log?follow=true');
    const reader = answer.body?.getReader();
    assert(reader !== undefined);
    await readTo(reader, 'run 2\n');
    sample.outputs.write('first\n');
    await readTo(reader, 'first\n');
    sample.outputs.write('second\n');
    await readTo(reader, 'second\n');
    sample.outputs.end();
    expect((await reader.read()).done).toBe(true);
  });

  test('begins at once, before a silent agent has written anything', async () => {
    sample.outputs.silent = true;
    const answer = await get('latest/log?follow=true');
    expect(answer.status).toBe(200);
    sample.outputs.end();
    expect(await answer.text()).toBe('');
  });

  test('stops reading when the client goes away', async () => {
    const client = new AbortController();
    await get('latest/log?follow=true', client.signal);
    await until('the reading', () => sample.outputs.following === 1);
    client.abort();
    await until('the end of the reading', () => sample.outputs.following === 0);
  });

  test('is cut off by the shutdown of the server, which waits for nothing else', async () => {
    const text = (await get('latest/log?follow=true')).text();
    text.catch(() => {});
    await until('the reading', () => sample.outputs.following === 1);
    await sample.server.close();
    await expect(text).rejects.toThrow(/terminated/);
    expect(sample.outputs.following).toBe(0);
  });

  test('that fails midway is cut off, so that it cannot be taken for the whole', async () => {
    const answer = await get('latest/log?follow=true');
    await until('the reading', () => sample.outputs.following === 1);
    sample.outputs.fail(new Error('disk error'));
    await expect(answer.text()).rejects.toThrow(/terminated/);
    expect(sample.log.join('')).toContain('disk error');
  });
});
