/**
 * What a run used of language models. Counts are tokens as the model's provider counts them.
 * Plain JSON: the journal, the store and Temporal's history carry it.
 */
export interface Usage {
  /** Requests that a model answered. */
  readonly requests: number;
  /** Not read from a cache, nor written to one. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** US dollars; absent when the price of anything that was used is not known. Unknown is never 0. */
  readonly costUsd?: number;
}

/** Nothing used: it costs nothing, and that is known. */
export const noUsage: Usage = {
  requests: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0,
};

/** The cost of a sum is known when both costs are. */
export function addUsage(a: Usage, b: Usage): Usage {
  const known = a.costUsd !== undefined && b.costUsd !== undefined;
  return {
    requests: a.requests + b.requests,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    ...(known ? { costUsd: (a.costUsd ?? 0) + (b.costUsd ?? 0) } : {}),
  };
}

/** All tokens, whatever they cost. */
export function totalTokens(usage: Omit<Usage, 'costUsd'>): number {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

/** What may be used at the most; absent: no limit. */
export interface Budget {
  /** All tokens, as `totalTokens` counts. */
  readonly tokens?: number;
  /** US dollars. */
  readonly usd?: number;
}
