import type { LlmRoute, ModelPrice } from '../../domain/agent.ts';
import type { LlmAccess } from '../../bottles/host.ts';
import { addUsage, type Budget, noUsage, totalTokens, type Usage } from '../../domain/usage.ts';
import type { ReadAnswer } from './answer-usage.ts';

const perMillion = 1_000_000;

/** Counts what a run uses, and says when that is enough. */
export class Meter {
  readonly #access: LlmAccess;
  #usage: Usage = noUsage;
  /** What of the usage has a price: the least that the run has cost. */
  #leastUsd = 0;
  #unreported = false;

  constructor(access: LlmAccess) {
    this.#access = access;
  }

  /** Of this run, until now. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Adds an answer. What it did not tell is not guessed: the tokens that it told of count, and the cost is unknown. */
  add(route: LlmRoute, model: string, answer: ReadAnswer): void {
    const { inputTokens = 0, outputTokens = 0 } = answer.usage;
    const { cacheReadTokens = 0, cacheWriteTokens = 0 } = answer.usage;
    const tokens = { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens };
    const price = priceOf(route, model);
    const costUsd = price === undefined ? undefined : costOf(tokens, price);
    const isKnown = answer.isMetered && costUsd !== undefined;
    this.#usage = addUsage(this.#usage, {
      requests: 1,
      ...tokens,
      ...(isKnown ? { costUsd } : {}),
    });
    this.#leastUsd += costUsd ?? 0;
    if (answer.end === 'whole' && !answer.isMetered) this.#unreported = true;
  }

  /** Why a budget allows nothing more; undefined while it does. */
  get exhausted(): string | undefined {
    const { runBudget = {}, issueBudget = {}, spentBefore } = this.#access;
    const tokens = totalTokens(this.#usage);
    const before = spentBefore.costUsd ?? this.#dearest(spentBefore);
    return (
      spent("This run's", runBudget, tokens, this.#leastUsd) ??
      spent("This issue's", issueBudget, tokens + totalTokens(spentBefore), this.#leastUsd + before)
    );
  }

  /** Why a budget cannot be kept with this model; undefined when it can. */
  unmeterable(route: LlmRoute, model: string): string | undefined {
    const budgets = [this.#access.runBudget ?? {}, this.#access.issueBudget ?? {}];
    if (
      this.#unreported &&
      budgets.some(({ tokens, usd }) => tokens !== undefined || usd !== undefined)
    ) {
      return 'The model server does not report what it uses, so that no budget can be kept: use another one, or take the budget away.';
    }
    if (budgets.some(({ usd }) => usd !== undefined) && priceOf(route, model) === undefined) {
      return `The price of the model ${model.slice(0, 100)} is not known, so that no budget in dollars can be kept: it takes a price in the orchestrator's settings, a model that has one there, or a budget in tokens.`;
    }
    return undefined;
  }

  /** Of tokens whose model is not known any more: what they would have cost at the most. */
  #dearest(usage: Usage): number {
    const prices = Object.values(this.#access.routes).flatMap((route) =>
      Object.values(route.prices),
    );
    return Math.max(0, ...prices.map((price) => costOf(usage, price)));
  }
}

type Tokens = Pick<Usage, 'inputTokens' | 'outputTokens' | 'cacheReadTokens' | 'cacheWriteTokens'>;

function costOf(tokens: Tokens, price: ModelPrice): number {
  const { input, output, cacheRead = input, cacheWrite = input } = price;
  const millionths =
    tokens.inputTokens * input +
    tokens.outputTokens * output +
    tokens.cacheReadTokens * cacheRead +
    tokens.cacheWriteTokens * cacheWrite;
  return millionths / perMillion;
}

function priceOf({ prices }: LlmRoute, model: string): ModelPrice | undefined {
  return Object.hasOwn(prices, model) ? prices[model] : undefined;
}

function spent(whose: string, budget: Budget, tokens: number, usd: number): string | undefined {
  const advice = 'is spent. Commit what you have and call signal_done.';
  if (budget.tokens !== undefined && tokens >= budget.tokens) {
    return `${whose} budget of ${budget.tokens} tokens ${advice}`;
  }
  if (budget.usd !== undefined && usd >= budget.usd) {
    return `${whose} budget of $${budget.usd} ${advice}`;
  }
  return undefined;
}
