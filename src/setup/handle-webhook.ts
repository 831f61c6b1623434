import type { SetupConfig } from '../config/load-setup.ts';
import { ForgeDeniedError, ForgeNotFoundError } from '../domain/errors.ts';
import { httpUrl } from '../domain/http-url.ts';
import type { ForgeSetup, Hook, Place } from '../forges/forge-setup.ts';
import type { DeliveryWatch } from './delivery-watch.ts';
import { formatPlace } from './place.ts';
import { SetupStoppedError } from './progress.ts';
import { makeRoundTrip, type RoundTrip } from './round-trip.ts';
import { adviseOn, examineWebhook, repairWebhook } from './webhook.ts';
import { webhookUrl } from './webhook-url.ts';

export type WebhookAction = 'install' | 'test' | 'repair';

export interface WebhookParts {
  readonly config: SetupConfig;
  readonly action: WebhookAction;
  readonly place: Place;
  readonly signal: AbortSignal;
  connect(apiUrl: string, token: string): ForgeSetup;
  openWatch(secret: string): Promise<DeliveryWatch>;
}

/** What was seen and done. */
export interface WebhookReport {
  readonly url: string;
  /** What is wrong with the webhook and was not mended, each as a sentence without a full stop. */
  readonly problems: readonly string[];
  readonly changes: readonly string[];
  /** How the round trip ended; undefined when there is no webhook to make one. */
  readonly outcome: RoundTrip['outcome'] | undefined;
  /** What to do, when it did not arrive. */
  readonly advice: string | undefined;
}

/**
 * Makes, mends or only looks at the webhook of a place, and has the forge deliver to it. `install` and `repair` do the
 * same to a webhook that is there: it is put right. One that leads elsewhere `install` leaves alone, and `repair` leads here.
 * @throws SetupStoppedError when a setting is missing, and ForgeError
 */
export async function handleWebhook(parts: WebhookParts): Promise<WebhookReport> {
  try {
    return await act(parts);
  } catch (error) {
    if (error instanceof ForgeDeniedError || error instanceof ForgeNotFoundError) {
      const name = formatPlace(parts.place);
      throw new SetupStoppedError(
        `The webhooks of ${name} are hidden from the token that was used (${error.message}). Is the name right? It takes a token of somebody who administrates ${name}: --setup-token-file or FORGE_SETUP_TOKEN.`,
      );
    }
    throw error;
  }
}

async function act(parts: WebhookParts): Promise<WebhookReport> {
  const { action, place, signal, connect, openWatch } = parts;
  const { apiUrl, token, secret, url } = required(parts.config);
  const forge = connect(apiUrl, token);
  const wanted = { place, url, secret };
  await using watch = await openWatch(secret);
  const options = { watch, signal };
  if (action !== 'test') {
    const mending = { ...options, takesOver: action === 'repair' };
    const { hook, changes, roundTrip } = await repairWebhook(forge, wanted, mending);
    return { url, changes, problems: [], ...(await judge(roundTrip, place, hook)) };
  }
  const { hook, problems } = await examineWebhook(forge, wanted);
  if (hook === undefined) {
    return { url, changes: [], problems, outcome: undefined, advice: undefined };
  }
  const roundTrip = await makeRoundTrip(forge, place, hook, options);
  return { url: hook.url, changes: [], problems, ...(await judge(roundTrip, place, hook)) };
}

async function judge(
  roundTrip: RoundTrip,
  place: Place,
  hook: Hook,
): Promise<Pick<WebhookReport, 'outcome' | 'advice'>> {
  return roundTrip.outcome === 'arrived'
    ? { outcome: 'arrived', advice: undefined }
    : { outcome: roundTrip.outcome, advice: await adviseOn(roundTrip, place, hook) };
}

function required({
  apiUrl,
  token,
  setupToken,
  webhookSecret,
  publicUrl,
  host,
  port,
}: SetupConfig): {
  apiUrl: string;
  token: string;
  secret: string;
  url: string;
} {
  const any = setupToken ?? token;
  if (apiUrl === undefined || any === undefined || webhookSecret === undefined) {
    throw new SetupStoppedError(
      'The address of the forge, a token or the webhook’s secret is not set yet: `orchestrator init` asks for them.',
    );
  }
  const base = publicUrl ?? httpUrl(host, port);
  return { apiUrl, token: any, secret: webhookSecret, url: webhookUrl(base) };
}
