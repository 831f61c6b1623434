import type { ForgeSetup, Hook, Place } from '../forges/forge-setup.ts';
import { allowedHostLines, neededAllowedHost } from './allowed-hosts.ts';
import { formatPlace } from './place.ts';
import { makeRoundTrip, type RoundTrip, type RoundTripOptions } from './round-trip.ts';
import { isSameUrl, isTestUrl, isWebhookUrl } from './webhook-url.ts';

/** What a webhook should be. */
export interface WantedWebhook {
  readonly place: Place;
  readonly url: string;
  readonly secret: string;
}

/** How the webhook of a place is, before anything is delivered to it. */
export interface WebhookState {
  readonly hook: Hook | undefined;
  /** What is wrong with it, each as one sentence without a full stop. */
  readonly problems: readonly string[];
  /** Left by tests that were killed. */
  readonly leftovers: readonly Hook[];
}

/** Looks only. A webhook of another orchestrator, with another address, is not taken for ours unless it is the only one. */
export async function examineWebhook(
  forge: ForgeSetup,
  { place, url }: Pick<WantedWebhook, 'place' | 'url'>,
): Promise<WebhookState> {
  const hooks = (await forge.listHooks(place)).filter((hook) => isWebhookUrl(hook.url));
  const ours = hooks.filter((hook) => isSameUrl(hook.url, url));
  const [only, ...more] = hooks.filter((hook) => !isTestUrl(hook.url));
  const [hook = more.length === 0 ? only : undefined] = ours.toSorted(
    (one, other) => Number(isTestUrl(one.url)) - Number(isTestUrl(other.url)),
  );
  return {
    hook,
    problems: hook === undefined ? [`there is no webhook for ${url}`] : [...problemsOf(hook, url)],
    leftovers: hooks.filter((one) => one !== hook && isTestUrl(one.url)),
  };
}

function* problemsOf(hook: Hook, url: string): Generator<string> {
  if (hook.url !== url) yield `it leads to ${hook.url}, not to ${url}`;
  if (!hook.active) yield 'it is switched off';
  if (!hook.usable) yield 'it does not send JSON as Gitea does';
  if (hook.missingEvents.length > 0) yield `it does not tell of ${hook.missingEvents.join(', ')}`;
}

/** What was done, each as one sentence in the past tense without a full stop; empty when nothing was to be done. */
export interface MendedWebhook {
  readonly hook: Hook;
  readonly changes: readonly string[];
}

export interface MendOptions {
  /** Whether the only webhook of an orchestrator is led here when its address is another: it may be of another orchestrator. */
  readonly takesOver: boolean;
}

/**
 * Makes the webhook, or puts right what can be seen to be wrong with it. Idempotent. Its secret cannot be seen: only a
 * round trip shows it.
 */
export async function mendWebhook(
  forge: ForgeSetup,
  wanted: WantedWebhook,
  { takesOver }: MendOptions,
): Promise<MendedWebhook> {
  const { place, url, secret } = wanted;
  const { hook, problems, leftovers } = await examineWebhook(forge, wanted);
  const ours = leftovers.filter((leftover) => takesOver || isSameUrl(leftover.url, url));
  for (const leftover of ours) {
    await forge.deleteHook(place, leftover.id);
  }
  const cleaned = ours.length > 0 ? ['removed what an unfinished test had left'] : [];
  const isForeign = hook !== undefined && !takesOver && !isSameUrl(hook.url, url);
  if (hook === undefined || isForeign) {
    const made = await forge.createHook(place, { url, secret });
    const beside = isForeign ? `, beside the one that leads to ${hook.url}` : '';
    return { hook: made, changes: [...cleaned, `made a webhook for ${url}${beside}`] };
  }
  if (problems.length === 0) {
    return { hook, changes: cleaned };
  }
  const updated = await forge.updateHook(place, hook.id, { url });
  if (!updated.usable) {
    return { hook: await replaceHook(forge, wanted, hook), changes: [...cleaned, replaced] };
  }
  return {
    hook: updated,
    changes: [...cleaned, ...problems.map((one) => `put right that ${one}`)],
  };
}

const replaced = 'put another webhook in its place, with the secret that the orchestrator has';

/**
 * Mends it, has the forge deliver, and puts another in its place when the orchestrator refuses the signature.
 * @param forge of somebody who administrates the place
 */
export async function repairWebhook(
  forge: ForgeSetup,
  wanted: WantedWebhook,
  options: RoundTripOptions & MendOptions,
): Promise<MendedWebhook & { readonly roundTrip: RoundTrip }> {
  const { hook, changes } = await mendWebhook(forge, wanted, options);
  const roundTrip = await makeRoundTrip(forge, wanted.place, hook, options);
  if (roundTrip.outcome !== 'refused' || roundTrip.status !== 401) {
    return { hook, changes, roundTrip };
  }
  const another = await replaceHook(forge, wanted, hook);
  return {
    hook: another,
    changes: [...changes, replaced],
    roundTrip: await makeRoundTrip(forge, wanted.place, another, options),
  };
}

/** The new one first: in between, an event is delivered twice rather than never. */
export async function replaceHook(
  forge: ForgeSetup,
  { place, url, secret }: WantedWebhook,
  { id }: Hook,
): Promise<Hook> {
  const made = await forge.createHook(place, { url, secret });
  await forge.deleteHook(place, id);
  return made;
}

/** What a round trip that did not arrive means, and what to do. */
export async function adviseOn(
  roundTrip: Exclude<RoundTrip, { outcome: 'arrived' }>,
  place: Place,
  hook: Pick<Hook, 'url' | 'page'>,
): Promise<string> {
  const name = formatPlace(place);
  switch (roundTrip.outcome) {
    case 'untestable':
      return `The webhook of ${name} cannot be tested before there is an issue: open one, and test again.`;
    case 'refused':
      return roundTrip.status === 401
        ? `A delivery arrived, and its signature is wrong: the webhook of ${name} has another secret than the orchestrator that runs. \`orchestrator webhook repair ${name}\` mends it; if it does not, start the orchestrator again, so that it reads its settings.`
        : `A delivery arrived and was refused with ${roundTrip.status}: ${roundTrip.reason ?? 'see the orchestrator’s log'}`;
    case 'missing':
      return adviseOnSilence(hook);
  }
}

/** Gitea's API tells of no delivery, nor why there was none. */
export async function adviseOnSilence({
  url,
  page,
}: Pick<Hook, 'url'> & { readonly page?: string }): Promise<string> {
  const host = await neededAllowedHost(url);
  const see = page === undefined ? '' : `\nWhat Gitea says of it: ${page}`;
  return host === undefined
    ? `Nothing arrived at ${url}. Is that the orchestrator’s address (--public-url gives another), does a proxy in between lead to it, and does a firewall let the machine of Gitea through?${see}`
    : `Nothing arrived at ${url}. Gitea delivers to public addresses only, unless its app.ini says otherwise.
Add these lines there, or ${host} to the list that is there already, and restart Gitea:

${allowedHostLines(host)}

If that is done: is it the orchestrator’s address (--public-url gives another), and does a firewall let the machine of Gitea through?${see}`;
}
