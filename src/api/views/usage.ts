import { z } from 'zod';
import type { Budget, Usage } from '../../domain/usage.ts';

const count = z.int().nonnegative();

/** What was used of models, in tokens as their provider counts them. */
export const usageView = z
  .object({
    requests: count,
    inputTokens: count.meta({ description: 'Neither read from a cache nor written to one.' }),
    outputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
    costUsd: z.number().nullable().meta({ description: 'US dollars; null when it is not known.' }),
  })
  .meta({ id: 'Usage' });

export type UsageView = z.infer<typeof usageView>;

export const budgetView = z
  .object({
    tokens: z.number().nullable().meta({ description: 'Of all kinds; null without a limit.' }),
    usd: z.number().nullable().meta({ description: 'Null without a limit.' }),
  })
  .meta({ id: 'Budget' });

export type BudgetView = z.infer<typeof budgetView>;

export function viewUsage({ costUsd, ...tokens }: Usage): UsageView {
  return { ...tokens, costUsd: costUsd ?? null };
}

export function viewBudget({ tokens, usd }: Budget): BudgetView {
  return { tokens: tokens ?? null, usd: usd ?? null };
}
