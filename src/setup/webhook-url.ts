import { randomBytes } from 'node:crypto';

const path = '/webhooks/gitea';

/** Where the forge delivers to an orchestrator that it reaches at `base`. */
export function webhookUrl(base: string): string {
  return `${base.replace(/\/+$/, '')}${path}`;
}

/** What names a test: nobody can guess it. */
export function newTest(): string {
  return randomBytes(9).toString('base64url');
}

/** The same address, known to be of a test, and found again among what has arrived. */
export function testUrl(url: string, test: string): string {
  const parsed = new URL(url);
  parsed.searchParams.set('test', test);
  return parsed.href;
}

/** Whether it is an orchestrator's, ours or another. */
export function isWebhookUrl(url: string): boolean {
  return URL.parse(url)?.pathname.endsWith(path) ?? false;
}

/** Whether it was made, or changed, for a test that never came to its end. */
export function isTestUrl(url: string): boolean {
  return isWebhookUrl(url) && new URL(url).searchParams.has('test');
}

export function isSameUrl(one: string, other: string): boolean {
  return withoutTest(one) === withoutTest(other);
}

function withoutTest(url: string): string | undefined {
  const parsed = URL.parse(url);
  parsed?.searchParams.delete('test');
  return parsed?.href;
}
