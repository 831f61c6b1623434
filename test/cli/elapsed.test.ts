import { expect, test } from 'vitest';
import { formatElapsed, formatLength, formatTimeAhead } from '../../src/cli/elapsed.ts';

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

test('a time to come is told with its date when it is more than a day away', () => {
  const at = new Date(2026, 0, 31, 14, 5, 9);
  expect(formatTimeAhead(at.toISOString(), at.getTime() - 23 * hour)).toBe('14:05');
  expect(formatTimeAhead(at.toISOString(), at.getTime() - 25 * hour)).toBe('01-31 14:05');
});

test.each([
  [1.4 * second, '1s'],
  [200 * second, '3m 20s'],
  [59.9 * second, '1m'],
  [2 * hour + 5 * minute + 9 * second, '2h 5m'],
])('a run of %i ms lasted %s', (ms, text) => {
  expect(formatLength(ms)).toBe(text);
});
