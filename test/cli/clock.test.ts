import { describe, expect, test } from 'vitest';
import { formatSince, formatTime, formatUntil, type Clock } from '../../src/cli/clock.ts';

const now = Date.UTC(2026, 0, 31, 14, 5, 9, 250);
const relative: Clock = { style: 'relative', now };
const iso: Clock = { style: 'iso', now };

function after(seconds: number): string {
  return new Date(now + 1000 * seconds).toISOString();
}

describe('a point in time', () => {
  test.each([
    [0, '0s ago'],
    [-200, '3m 20s ago'],
    [-7500, '2h 5m ago'],
    [45, 'in 45s'],
    [180_000, 'in 2d 2h'],
  ])('%i s from now is told as %j', (seconds, text) => {
    expect(formatTime(after(seconds), relative)).toBe(text);
  });

  test('is ISO 8601 in UTC, to the second, for who wants that', () => {
    expect(formatTime(after(0), iso)).toBe('2026-01-31T14:05:09Z');
  });
});

test('a state has lasted for a while, or since a time', () => {
  expect(formatSince(after(-3620), relative)).toBe('1h');
  expect(formatSince(after(-3600), iso)).toBe('2026-01-31T13:05:09Z');
});

test('a state will last for a while, or until a time', () => {
  expect(formatUntil(after(3600), relative)).toBe('for 1h more');
  expect(formatUntil(after(-1), relative)).toBe('for 0s more');
  expect(formatUntil(after(3600), iso)).toBe('until 2026-01-31T15:05:09Z');
});
