import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration } from '../../src/domain/duration.ts';

describe('durations', () => {
  test.each([
    ['10s', 10_000],
    ['30m', 1_800_000],
    ['4h', 14_400_000],
    ['2d', 172_800_000],
    ['1800', 1_800_000],
    ['0', 0],
    [' 10s ', 10_000],
  ])('%j is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    '',
    's',
    '-1s',
    '1.5h',
    '10 s',
    '10S',
    '1w',
    '1h30m',
    '0x10',
    '１s',
    '1e3',
    '9999999999',
    '999999999d',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('what is written is read back as the same duration, in the largest unit that fits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (seconds) => {
        const text = formatDuration(seconds * 1000);
        expect(parseDuration(text)).toBe(seconds * 1000);
        expect(text.length).toBeLessThanOrEqual(`${seconds}s`.length);
      }),
    );
  });

  test('whatever is given, the answer is undefined or a whole number of seconds', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d+[smhd]?$/)), (text) => {
        const ms = parseDuration(text);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0 && ms % 1000 === 0)).toBe(
          true,
        );
      }),
    );
  });
});
