import type { IncomingHttpHeaders } from 'node:http';
import { isWaitedFor } from '../../domain/run.ts';
import { isObject } from './request-body.ts';

/** A provider takes no more requests for now. */
export interface ProviderLimit {
  /** Epoch milliseconds; absent when it does not say. */
  readonly resetsAt?: number;
  /** A sentence for people. */
  readonly reason: string;
}

/** Longer waits are the orchestrator's: a client would give up, or keep a place on the host for nothing. */
const longWaitMs = 60_000;

const quotaCodes: ReadonlySet<unknown> = new Set([
  'insufficient_quota',
  'billing_hard_limit_reached',
  'billing_not_active',
  'billing_error',
  'usage_limit_reached',
  'usage_not_included',
]);

/**
 * Reads a refusal of a model server: undefined when it is none that time or money would mend, or one that the client
 * itself can wait for.
 */
export function findProviderLimit(
  answer: {
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
    readonly body: unknown;
  },
  now: number,
): ProviderLimit | undefined {
  const error = errorOf(answer.body);
  const isQuota =
    isQuotaCode(error['code']) ||
    isQuotaCode(error['type']) ||
    /credit balance is too low/i.test(String(error['message']));
  if (!isQuota && answer.status !== 429 && answer.status !== 529) return undefined;
  const resetsAt = resetOf(answer.headers, error, now);
  const isLong =
    resetsAt !== undefined && resetsAt - now > longWaitMs && isWaitedFor(resetsAt, now);
  if (isLong) {
    const at = new Date(resetsAt).toISOString();
    return { resetsAt, reason: `the model's provider takes no more requests until ${at}` };
  }
  return isQuota ? { reason: "the quota at the model's provider is used up" } : undefined;
}

export function isQuotaCode(code: unknown): boolean {
  return quotaCodes.has(code);
}

function errorOf(body: unknown): Readonly<Record<string, unknown>> {
  const error = isObject(body) ? body['error'] : undefined;
  return isObject(error) ? error : {};
}

/** Epoch milliseconds. The first that is told counts, from the most exact to the vaguest. */
function resetOf(
  headers: IncomingHttpHeaders,
  error: Readonly<Record<string, unknown>>,
  now: number,
): number | undefined {
  const header = (name: string): string => String(headers[name] ?? '');
  const told = [
    seconds(error['resets_at'], 0),
    seconds(error['resets_in_seconds'], now),
    seconds(header('retry-after'), now) ?? date(header('retry-after')),
    seconds(header('anthropic-ratelimit-unified-reset'), 0),
    latest(
      exhausted(headers, /^(anthropic-ratelimit-.+)-remaining$/, (kind) =>
        date(header(`${kind}-reset`)),
      ),
    ),
    latest(
      exhausted(headers, /^x-ratelimit-remaining-(.+)$/, (kind) =>
        span(header(`x-ratelimit-reset-${kind}`), now),
      ),
    ),
  ];
  return told.find((at) => at !== undefined);
}

/** Resets of the limits of which nothing is left: the others' say nothing of this refusal. */
function exhausted(
  headers: IncomingHttpHeaders,
  remaining: RegExp,
  resetOf: (kind: string) => number | undefined,
): (number | undefined)[] {
  return Object.entries(headers).map(([name, value]) => {
    const kind = remaining.exec(name)?.[1];
    return kind === undefined || Number(value) !== 0 ? undefined : resetOf(kind);
  });
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** @param from epoch milliseconds that the seconds are counted from */
function seconds(value: unknown, from: number): number | undefined {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  return /^\d+(\.\d+)?$/.test(text) ? from + Number(text) * 1000 : undefined;
}

function date(text: string): number | undefined {
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

const unitMs: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};

/** As OpenAI writes it: `1h2m3.5s`, `20ms`. */
function span(text: string, now: number): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)];
  return (
    now + parts.reduce((sum, [, value, unit = '']) => sum + Number(value) * (unitMs[unit] ?? 0), 0)
  );
}
