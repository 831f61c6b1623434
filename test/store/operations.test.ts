import { describe, expect, test } from 'vitest';
import type { Operation } from '../../src/domain/operation.ts';
import { freshStore } from './fresh-store.ts';

function operation(sequence: number, more: Partial<Operation> = {}): Operation {
  return {
    sequence,
    at: 1_000 + sequence,
    operation: 'post_comment',
    target: '#1',
    argumentsDigest: 'digest',
    argumentsShort: '{"body":"\\u0000🦄"}',
    outcome: 'ok',
    durationMs: 12.25,
    ...more,
  };
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('the op log', () => {
  test('gives back what was appended, by run and sequence', async () => {
    const { operations } = await freshStore();
    const rejected = operation(2, {
      outcome: 'rejected',
      reason: 'out of scope',
      operation: 'unknown',
    });
    await operations.append('slug', 2, [operation(1)]);
    await operations.append('slug', 1, [operation(1), rejected]);
    await operations.append('other', 1, [operation(1)]);
    expect(await operations.ofSlug('slug')).toEqual([
      { run: 1, ...operation(1) },
      { run: 1, ...rejected },
      { run: 2, ...operation(1) },
    ]);
    expect(await operations.lastSequence('slug', 1)).toBe(2);
    expect(await operations.lastSequence('slug', 3)).toBe(0);
  });

  test('is not changed by what it has', async () => {
    const { operations } = await freshStore();
    await operations.append(
      'slug',
      1,
      numbers(1, 5).map((n) => operation(n)),
    );
    await operations.append(
      'slug',
      1,
      numbers(3, 7).map((n) => operation(n, { target: '#2' })),
    );
    await operations.append('slug', 1, []);
    expect(
      (await operations.ofSlug('slug')).map(({ sequence, target }) => [sequence, target]),
    ).toEqual([...numbers(1, 5).map((n) => [n, '#1']), ...numbers(6, 7).map((n) => [n, '#2'])]);
  });

  test.each([
    ['before the first', [2]],
    ['among them', [1, 2, 4]],
  ])('takes nothing when a number is missing %s', async (_, sequences) => {
    const { operations } = await freshStore();
    await expect(
      operations.append(
        'slug',
        1,
        sequences.map((n) => operation(n)),
      ),
    ).rejects.toThrow(/would leave a gap/);
    expect(await operations.ofSlug('slug')).toEqual([]);
  });

  test('takes thousands at once', async () => {
    const { operations } = await freshStore();
    await operations.append(
      'slug',
      1,
      numbers(1, 3_001).map((n) => operation(n)),
    );
    expect(await operations.lastSequence('slug', 1)).toBe(3_001);
    expect(await operations.ofSlug('slug')).toHaveLength(3_001);
  });

  test('orders appends that are not waited for', async () => {
    const { operations } = await freshStore();
    await Promise.all(numbers(1, 100).map((n) => operations.append('slug', 1, [operation(n)])));
    expect(await operations.lastSequence('slug', 1)).toBe(100);
  });
});
