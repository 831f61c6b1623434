import { describe, expect, test } from 'vitest';
import type { UsageView } from '../../src/api/views/usage.ts';
import { formatBudget, formatCost, formatTokens } from '../../src/cli/usage.ts';

const usage: UsageView = {
  requests: 3,
  inputTokens: 1_000,
  outputTokens: 500,
  cacheReadTokens: 20_000,
  cacheWriteTokens: 2_500,
  costUsd: 1.7499,
};

test.each([
  [0, '0'],
  [999, '999'],
  [12_345, '12.3k'],
  [99_960, '100k'],
  [999_999, '1M'],
  [1_054_321, '1.05M'],
])('%i tokens are %s', (count, text) => {
  expect(formatTokens(count)).toBe(text);
});

test.each([
  [null, 'unknown'],
  [0, '$0.00'],
  [0.0001, '<$0.01'],
  [0.42, '$0.42'],
  [12.345, '$12.35'],
])('a cost of %s is %s', (usd, text) => {
  expect(formatCost(usd)).toBe(text);
});

describe('the share of a budget', () => {
  test('is told of each limit, rounded down', () => {
    expect(formatBudget(usage, { usd: 5, tokens: 200_000 })).toBe('34% of $5, 12% of 200k tokens');
  });

  test('is unknown while the cost is', () => {
    expect(formatBudget({ ...usage, costUsd: null }, { usd: 5, tokens: null })).toBe(
      'unknown of $5',
    );
  });

  test('is nothing before the first request, and all of a budget of nothing', () => {
    expect(formatBudget(null, { usd: 5, tokens: null })).toBe('0% of $5');
    expect(formatBudget(null, { usd: 0, tokens: null })).toBe('100% of $0');
  });

  test('is not told without a budget', () => {
    expect(formatBudget(usage, { usd: null, tokens: null })).toBeUndefined();
  });
});
