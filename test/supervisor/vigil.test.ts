import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { keepVigil, type Vigil } from '../../src/supervisor/vigil.ts';

const second = 1_000;
const minute = 60 * second;
const told: string[] = [];

beforeEach(() => {
  told.length = 0;
  vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] });
});

afterEach(() => {
  vi.useRealTimers();
});

function watchOver(changes: Partial<Vigil>): Disposable {
  return keepVigil({
    timing: {
      awaitGo: minute,
      afterDone: 0,
      afterBudget: 0,
      afterTerm: 0,
      afterDeadline: 10 * minute,
    },
    directory: tmpdir(),
    deadlineMs: () => 60 * minute,
    isAttached: () => false,
    begunAt: () => undefined,
    onForsaken: () => told.push('forsaken'),
    onOverdue: () => told.push('overdue'),
    onDiskFull: () => told.push('full'),
    ...changes,
  });
}

describe('a supervisor that nobody is attached to', () => {
  test('waits a minute to be told to go', () => {
    using _vigil = watchOver({});
    vi.advanceTimersByTime(59 * second);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(3 * second);
    expect(told).toContain('forsaken');
  });

  test('ends its run ten minutes after the deadline', () => {
    const begunAt = Date.now();
    using _vigil = watchOver({ begunAt: () => begunAt });
    vi.advanceTimersByTime(69 * minute);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(2 * minute);
    expect(told).toContain('overdue');
  });

  test('has ten minutes also when it was attached until long after the deadline it knows', () => {
    const begunAt = Date.now();
    let attached = true;
    using _vigil = watchOver({ begunAt: () => begunAt, isAttached: () => attached });
    vi.advanceTimersByTime(180 * minute);
    attached = false;
    vi.advanceTimersByTime(9 * minute);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(2 * minute);
    expect(told).toContain('overdue');
  });
});

test('a disk that does not answer ends neither the run nor the supervisor', async () => {
  const rejected = vi.fn();
  process.on('unhandledRejection', rejected);
  using _vigil = watchOver({ directory: '/no/such/directory', isAttached: () => true });
  vi.advanceTimersByTime(10 * second);
  vi.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve, 200));
  process.off('unhandledRejection', rejected);

  expect(rejected).not.toHaveBeenCalled();
  expect(told).toEqual([]);
});
