import { expect, test } from 'vitest';
import { formatElapsed, formatLength } from '../../src/cli/elapsed.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

test.each([
  [-5 * second, '0s'],
  [0, '0s'],
  [59.9 * second, '59s'],
  [60 * second, '1m'],
  [59 * minute + 59 * second, '59m'],
  [hour, '1h'],
  [2 * hour + 5 * minute, '2h 5m'],
  [24 * hour, '1d'],
  [97 * hour + 30 * minute, '4d 1h'],
])('%i ms ago reads %s', (ms, text) => {
  expect(formatElapsed(ms)).toBe(text);
});

test.each([
  [1.4 * second, '1s'],
  [200 * second, '3m 20s'],
  [59.9 * second, '1m'],
  [2 * hour + 5 * minute + 9 * second, '2h 5m'],
])('a run of %i ms lasted %s', (ms, text) => {
  expect(formatLength(ms)).toBe(text);
});
