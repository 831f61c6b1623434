import { expect, test } from 'vitest';
import { utcTime } from '../../src/domain/utc-time.ts';

test('a time of today is told without its date, any other with it', () => {
  const at = Date.UTC(2026, 0, 2, 14, 32, 59);
  expect(utcTime(at, Date.UTC(2026, 0, 2))).toBe('14:32 UTC');
  expect(utcTime(at, Date.UTC(2026, 0, 1, 23, 59))).toBe('2026-01-02 14:32 UTC');
  expect(utcTime(at)).toBe('2026-01-02 14:32 UTC');
});
