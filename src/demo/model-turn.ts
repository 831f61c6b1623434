import type { LlmProtocol } from '../domain/agent.ts';

/** What a scripted model is asked and answers, whichever wire protocol it comes by. */
export interface Conversation {
  readonly protocol: Extract<LlmProtocol, 'anthropic-messages' | 'openai-responses'>;
  readonly model: string;
  /** From the conversation's very beginning, as the client sends it each time. */
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly kind: 'prompt' | 'said'; readonly text: string }
  | { readonly kind: 'command'; readonly command: string }
  /** What came of the command before. `failed`: it exited with anything but 0. */
  | { readonly kind: 'result'; readonly text: string; readonly failed: boolean };

/** One answer. A turn without `run` ends the client's run. */
export type Turn =
  | {
      readonly say?: string;
      /** A shell command for the client's own tool. */
      readonly run?: string;
      /** Reported as used; by default estimated from the lengths. */
      readonly tokens?: Tokens;
    }
  | { readonly fail: Failure };

export interface Tokens {
  readonly input: number;
  readonly output: number;
}

export type NextTurn = (conversation: Conversation) => Turn;

/**
 * `hang`: no answer, ever. `broken`: the connection breaks in the middle of the answer. `cut-short`: the answer ends in
 * its middle, in good order. `html`: some proxy's page, with status 200.
 */
export type Failure = 'hang' | 'broken' | 'cut-short' | 'html' | Refusal;

/** An answer with an error status and JSON that is an error in both protocols. */
export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further fields of the error. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Refusals as the providers word them. */
export const refusals = {
  unauthorized: { status: 401, type: 'authentication_error', message: 'invalid x-api-key' },
  overloaded: { status: 529, type: 'overloaded_error', message: 'Overloaded' },
  /** An hour, which no client waits for in good time. */
  rateLimited: {
    status: 429,
    type: 'rate_limit_error',
    message: 'This request would exceed your rate limit',
    headers: { 'retry-after': '3600', 'x-should-retry': 'false' },
  },
  lowCredit: {
    status: 400,
    type: 'invalid_request_error',
    message: 'Your credit balance is too low to access the API',
  },
  insufficientQuota: {
    status: 429,
    type: 'insufficient_quota',
    message: 'You exceeded your current quota',
    fields: { code: 'insufficient_quota' },
  },
} satisfies Record<string, Refusal>;

/** The limit of a person's plan, as OpenAI words it. @param resetsAt epoch seconds */
export function usageLimitReached(resetsAt: number): Refusal {
  return {
    status: 429,
    type: 'usage_limit_reached',
    message: 'The usage limit has been reached',
    fields: { plan_type: 'plus', resets_at: resetsAt },
  };
}

/** The limit of a person's plan, as Anthropic words it. @param resetsAt epoch seconds */
export function planLimitReached(resetsAt: number): Refusal {
  return {
    ...refusals.rateLimited,
    headers: {
      'x-should-retry': 'false',
      'retry-after': '3600',
      'anthropic-ratelimit-unified-status': 'rejected',
      'anthropic-ratelimit-unified-reset': String(resetsAt),
      'anthropic-ratelimit-unified-representative-claim': 'five_hour',
    },
  };
}

/** Gives one turn after the other, whatever is asked; after the last, an answer that ends the run. */
export function inOrder(turns: readonly Turn[]): NextTurn {
  let next = 0;
  return () => turns[next++] ?? { say: 'That is all.' };
}
