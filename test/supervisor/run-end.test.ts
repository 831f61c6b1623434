import { describe, expect, test } from 'vitest';
import { judgeEnd, type LastFacts } from '../../src/supervisor/run-end.ts';

const now = 1_800_000_000_000;
const done = { status: 'success', summary: 'It counts down.' } as const;

/** Of a run whose agent exited with 0 and said nothing. */
function judge(facts: Partial<LastFacts>) {
  return judgeEnd(
    {
      exit: { code: 0, reason: undefined, drained: Promise.resolve() },
      wished: undefined,
      shortage: undefined,
      done: undefined,
      begunAt: now - 1_000,
      used: {},
      countsDollars: false,
      output: {},
      ...facts,
    },
    now,
  );
}

describe('a run whose agent', () => {
  test('exited has its exit code and its times', () => {
    expect(judge({})).toEqual({
      outcome: 'exited',
      exitCode: 0,
      startedAt: now - 1_000,
      endedAt: now,
    });
  });

  test('called signal_done is done, whatever else happened', () => {
    const shortage = { outcome: 'budget', reason: 'all is spent' } as const;
    expect(judge({ done, shortage })).toMatchObject({ outcome: 'done', done });
    expect(judge({ done, exit: undefined })).toMatchObject({ outcome: 'done', done });
  });

  test('was ended has the outcome of who ended it first, and is lost when nobody did', () => {
    const wished = { outcome: 'watchdog' } as const;
    expect(judge({ exit: undefined, wished })).toMatchObject({ outcome: 'watchdog' });
    expect(judge({ exit: undefined })).toMatchObject({ outcome: 'lost' });
  });

  test('met the limit of its provider is parked until the reset, if that can be waited for', () => {
    const met = (resetsAt: number) => judge({ output: { failure: 'limit', limit: { resetsAt } } });
    expect(met(now + 60_000)).toMatchObject({
      outcome: 'parked',
      parkedUntil: now + 60_000,
      reason: 'limit',
      failed: true,
    });
    expect(met(now - 1)).toMatchObject({ outcome: 'exited', failed: true });
  });

  test('found no program is told what to do', () => {
    const exit = { code: 127, reason: undefined, drained: Promise.resolve() };
    expect(judge({ exit }).reason).toContain('`tools`');
  });

  test('says too much is cut', () => {
    const end = judge({ output: { message: 'm'.repeat(5_000), failure: 'f'.repeat(5_000) } });
    expect(end.message).toHaveLength(4_096);
    expect(end.reason).toHaveLength(1_000);
  });
});

test("the program's own reckoning is the cost where no price is known and no budget is kept by it", () => {
  const usage = {
    requests: 1,
    inputTokens: 2,
    outputTokens: 3,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
  };
  const cost = (facts: Partial<LastFacts>) =>
    judge({ used: { usage }, output: { costUsd: 0.5 }, ...facts }).usage?.costUsd;
  expect(cost({})).toBe(0.5);
  expect(cost({ countsDollars: true })).toBeUndefined();
  expect(cost({ output: { costUsd: -1 } })).toBeUndefined();
  expect(cost({ used: { usage: { ...usage, costUsd: 2 } } })).toBe(2);
});
