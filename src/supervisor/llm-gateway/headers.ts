import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { LlmRoute } from '../../domain/agent.ts';
import { redacted } from './redacted.ts';

const requestHeaders: ReadonlySet<string> = new Set([
  'content-type',
  'accept',
  'user-agent',
  'anthropic-version',
  'anthropic-beta',
  'openai-beta',
  'originator',
  'session_id',
  'session-id',
  'conversation_id',
  'x-app',
]);
const answerHeaders: ReadonlySet<string> = new Set([
  'content-type',
  'retry-after',
  'request-id',
  'x-request-id',
  'x-should-retry',
]);
/** Lets a subscription's token be used as `authorization`. */
const subscriptionBeta = 'oauth-2025-04-20';

/** What a model server hears: the harmless headers of the client, never its credential, and the real one. */
export function upstreamHeaders(
  client: IncomingHttpHeaders,
  auth: LlmRoute['auth'],
  key: string | undefined,
): OutgoingHttpHeaders {
  const passed = pick(
    client,
    (name) => requestHeaders.has(name) || name.startsWith('x-stainless-'),
  );
  return {
    ...passed,
    // What is compressed cannot be metered.
    'accept-encoding': 'identity',
    ...(key === undefined ? {} : credentials(auth, key, client['anthropic-beta'])),
  };
}

function credentials(
  auth: LlmRoute['auth'],
  key: string,
  betas: string | string[] | undefined,
): Record<string, string> {
  switch (auth) {
    case 'x-api-key':
      return { 'x-api-key': key };
    case 'bearer':
      return { authorization: `Bearer ${key}` };
    case 'subscription': {
      const asked = [betas ?? []].flat().flatMap((list) => list.split(','));
      const all = new Set([...asked.map((beta) => beta.trim()).filter(Boolean), subscriptionBeta]);
      return { authorization: `Bearer ${key}`, 'anthropic-beta': [...all].join(',') };
    }
    case 'none':
      return {};
  }
}

/** What the client hears of a model server's headers, the key left out wherever it is. */
export function clientHeaders(
  answer: IncomingHttpHeaders,
  key: string | undefined,
): Record<string, string> {
  const passed = pick(
    answer,
    (name) =>
      answerHeaders.has(name) ||
      name.startsWith('anthropic-ratelimit-') ||
      name.startsWith('x-ratelimit-'),
  );
  return redacted(passed, key);
}

function pick(
  headers: IncomingHttpHeaders,
  isPassed: (name: string) => boolean,
): Record<string, string> {
  const picked = Object.entries(headers).filter(([name]) => isPassed(name));
  return Object.fromEntries(picked.map(([name, value]) => [name, String(value)]));
}
