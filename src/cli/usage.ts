import type { BudgetView, UsageView } from '../api/views/usage.ts';
import { totalTokens } from '../domain/usage.ts';

const compact = new Intl.NumberFormat('en', {
  notation: 'compact',
  maximumSignificantDigits: 3,
});

/** `512`, `12.3k`, `1.05M`. */
export function formatTokens(count: number): string {
  return compact.format(count).replace('K', 'k');
}

/** `$0.42`; what is not known is not nothing. */
export function formatCost(usd: number | null): string {
  if (usd === null) {
    return 'unknown';
  }
  return usd > 0 && usd < 0.01 ? '<$0.01' : `$${usd.toFixed(2)}`;
}

/** What was written to a cache was read by the model like any other input. */
export function freshTokens({ inputTokens, cacheWriteTokens }: UsageView): number {
  return inputTokens + cacheWriteTokens;
}

/** `34% of $5, 12% of 200k tokens`; undefined without a budget. */
export function formatBudget(usage: UsageView | null, budget: BudgetView): string | undefined {
  const limits: string[] = [];
  if (budget.usd !== null) {
    const cost = usage === null ? 0 : usage.costUsd;
    const share = cost === null ? 'unknown' : percent(cost, budget.usd);
    limits.push(`${share} of $${budget.usd}`);
  }
  if (budget.tokens !== null) {
    const tokens = usage === null ? 0 : totalTokens(usage);
    limits.push(`${percent(tokens, budget.tokens)} of ${formatTokens(budget.tokens)} tokens`);
  }
  return limits.length === 0 ? undefined : limits.join(', ');
}

/** Rounded down: all of it is used only when it is. */
function percent(used: number, limit: number): string {
  return `${limit === 0 ? 100 : Math.floor((100 * used) / limit)}%`;
}
