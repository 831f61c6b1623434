import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { onLines } from '../../src/bottles/lines.ts';

test('lines are told whole, however they come, and what does not end in one is not', async () => {
  const input = new PassThrough();
  const told: string[] = [];
  onLines(input, (line) => void told.push(line));
  const euro = Buffer.from('€');
  for (const chunk of ['one\ntw', 'o\n\nfi', euro.subarray(0, 1), euro.subarray(1), 've\nrest']) {
    input.write(chunk);
    await setImmediate();
  }
  input.end();
  await setImmediate();
  expect(told).toEqual(['one', 'two', '', 'fi€ve']);
});
