import { describe, expect, test } from 'vitest';
import { formatSize, judgeSpace, parseLeastFree } from '../../src/domain/free-space.ts';

const GiB = 1024 ** 3;

describe('a least free space', () => {
  test.each([
    ['2GiB', { bytes: 2 * GiB }],
    ['512MiB', { bytes: GiB / 2 }],
    [' 1TiB ', { bytes: 1024 * GiB }],
    ['5%', { percent: 5 }],
    ['99%', { percent: 99 }],
  ])('is read: %s', (text, least) => {
    expect(parseLeastFree(text)).toEqual(least);
  });

  test.each(['', '2', '2GB', '0GiB', '-1GiB', '1.5GiB', '100%', '0%', '2 GiB'])(
    'is refused: "%s"',
    (text) => {
      expect(parseLeastFree(text)).toBeUndefined();
    },
  );
});

describe('space', () => {
  test.each([
    [1.9, { bytes: 2 * GiB }, 'scarce'],
    [2, { bytes: 2 * GiB }, 'between'],
    [2.4, { bytes: 2 * GiB }, 'between'],
    [2.5, { bytes: 2 * GiB }, 'plenty'],
    [4.9, { percent: 5 }, 'scarce'],
    [6.2, { percent: 5 }, 'between'],
    [6.3, { percent: 5 }, 'plenty'],
    // As much as there can be.
    [100, { percent: 95 }, 'plenty'],
    [97, { percent: 95 }, 'between'],
  ] as const)('of %d of 100 GiB, against %o, is %s', (free, least, judged) => {
    expect(judgeSpace({ free: free * GiB, total: 100 * GiB }, least)).toBe(judged);
  });

  test('is told in the unit that fits', () => {
    expect(formatSize(300 * 1024 ** 2)).toBe('300 MiB');
    expect(formatSize(2.25 * GiB)).toBe('2.3 GiB');
  });
});
