import { ForgeDeniedError, ForgeNotFoundError } from '../domain/errors.ts';
import type { ForgeSetup, Hook, Place, RepositoryName } from '../forges/forge-setup.ts';
import type { DeliveryWatch } from '../setup/delivery-watch.ts';
import { formatPlace } from '../setup/place.ts';
import { makeRoundTrip } from '../setup/round-trip.ts';
import { isSameUrl } from '../setup/webhook-url.ts';
import { adviseOn, examineWebhook, mendWebhook, replaceHook } from '../setup/webhook.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import type { ForgeAccess } from './forge.ts';

export interface WebhookParts {
  readonly access: ForgeAccess;
  readonly repositories: () => Promise<readonly RepositoryName[]>;
  /** Orgs that somebody named: each has one webhook for all of its repositories. */
  readonly orgs: readonly string[];
  /** Where the orchestrator listens, as a webhook's URL: good for a forge on this machine. */
  readonly localUrl: string;
  /** Where the forge reaches it; undefined: nobody has said, and what the webhook says is tried. */
  readonly publicUrl: string | undefined;
  /** Undefined: signatures are not checked. */
  readonly secret: string | undefined;
  /** Epoch milliseconds of the last delivery about a repository. */
  readonly lastDelivery: (repository: RepositoryName) => Promise<number | undefined>;
  /** Sees what arrives: the running orchestrator, or somebody who listens in its place. */
  readonly openWatch: (secret: string) => Promise<DeliveryWatch>;
}

/** Gitea's queue is looked at every 2 s. What a check has left must do to put the hook back. */
const patienceMs = 6_000;

/** That there is one, for the right address and events; and, by a real round trip, that the forge delivers and signs it. */
export function webhookChecks(parts: WebhookParts, needs: readonly Check[]): readonly Check[] {
  const present: Check = { name: 'webhooks', needs, run: () => examineAll(parts) };
  const deliveries: Check = {
    name: 'webhook deliveries',
    needs: [...needs, present],
    run: (signal) => deliverToAll(parts, signal),
  };
  return [present, deliveries];
}

/** What the forge tells of the webhook of a place. */
type Found =
  | {
      readonly kind: 'hook';
      readonly place: Place;
      readonly hook: Hook;
      readonly problems: readonly string[];
    }
  | { readonly kind: 'none'; readonly place: Place; readonly url: string }
  /** There is none of its own. Whether its org has one, only the org's owners are told. */
  | { readonly kind: 'none-of-its-own'; readonly place: Place; readonly org: string }
  /** Only those who administrate it are told. */
  | { readonly kind: 'hidden'; readonly place: Place }
  /** There is no such thing, or it is hidden as a whole. */
  | { readonly kind: 'absent'; readonly place: Place };

async function examineAll(parts: WebhookParts): Promise<Finding[]> {
  const found = await findAll(parts);
  if (found.length === 0) return [warn('no repository is known yet', 'See repositories.')];
  return await Promise.all(found.map((one) => judge(one, parts)));
}

async function judge(found: Found, parts: WebhookParts): Promise<Finding> {
  const { place } = found;
  const title = formatPlace(place);
  switch (found.kind) {
    case 'hidden':
      return await judgeByDeliveries(place, parts);
    case 'absent':
      return warn(`${title} cannot be seen`, 'Check its name, and who may see it.');
    case 'none-of-its-own':
      return warn(
        `${title} has no webhook of its own; whether ${found.org} has one is shown to its owners only`,
        `If \`orchestrator webhook deliveries\` lists what happens there, all is well. Else make one: \`orchestrator webhook install ${title}\`.`,
      );
    case 'none':
      return fail(
        `${title} has no webhook for ${found.url}`,
        `Make it: \`orchestrator webhook install ${title}\`.`,
        mender(place, found.url, parts),
      );
    case 'hook':
      return judgeHook(found, parts);
  }
}

function judgeHook(
  { place, hook, problems }: Extract<Found, { kind: 'hook' }>,
  parts: WebhookParts,
): Finding {
  const title = formatPlace(place);
  if (problems.length === 0) return pass(`that of ${title} leads to ${hook.url}, with all events`);
  const seen = `that of ${title} is wrong: ${problems.join('; ')}`;
  const fix = `Put it right: \`orchestrator webhook repair ${title}\`, or on ${hook.page}.`;
  const url = parts.publicUrl ?? hook.url;
  return isSameUrl(hook.url, url)
    ? fail(seen, fix, mender(place, url, parts))
    : fail(
        seen,
        `${fix} If it is another orchestrator's, make one beside it: \`orchestrator webhook install ${title}\`.`,
      );
}

function mender(place: Place, url: string, { access, secret }: WebhookParts) {
  if (secret === undefined) return undefined;
  return async () => {
    await mendWebhook(administrator(access), { place, url, secret }, { takesOver: false });
  };
}

/** What has arrived shows as much as the forge would tell, if anything has. */
async function judgeByDeliveries(place: Place, { lastDelivery }: WebhookParts): Promise<Finding> {
  const title = formatPlace(place);
  const last = place.kind === 'repository' ? await lastDelivery(place) : undefined;
  if (last !== undefined) {
    const time = new Date(last).toISOString();
    return pass(
      `that of ${title} is shown to its administrators only; it delivered last at ${time}`,
    );
  }
  return warn(
    `that of ${title} is shown to its administrators only, and it never delivered anything`,
    `Give a token of somebody who administrates ${title}, for this once, in the file that FORGE_SETUP_TOKEN_FILE names; or comment on an issue there and look whether \`orchestrator webhook deliveries\` lists it.`,
  );
}

async function deliverToAll(parts: WebhookParts, signal: AbortSignal): Promise<Finding[]> {
  const { secret, openWatch } = parts;
  const hooks = (await findAll(parts)).filter((one) => one.kind === 'hook');
  if (hooks.length === 0) {
    return [{ verdict: 'skipped', seen: 'no webhook can be seen with the tokens that there are' }];
  }
  if (secret === undefined) {
    return [
      warn(
        'unsigned deliveries are accepted: whoever reaches the port can start agents',
        'Set FORGE_WEBHOOK_SECRET, make the webhook again with that secret, and leave --insecure-webhooks out.',
      ),
    ];
  }
  let opened: DeliveryWatch;
  try {
    opened = await openWatch(secret);
  } catch (error) {
    return [
      fail(
        `what arrives cannot be seen: ${error instanceof Error ? error.message : String(error)}`,
        'What `orchestrator` is found to be, in this list, comes first.',
      ),
    ];
  }
  await using watch = opened;
  return await Promise.all(
    hooks.map((found) => deliver(found, { ...parts, secret }, watch, signal)),
  );
}

async function deliver(
  { place, hook }: Extract<Found, { kind: 'hook' }>,
  { access, publicUrl, secret }: WebhookParts & { readonly secret: string },
  watch: DeliveryWatch,
  signal: AbortSignal,
): Promise<Finding> {
  const title = formatPlace(place);
  const forge = administrator(access);
  const roundTrip = await makeRoundTrip(forge, place, hook, { watch, signal, patienceMs });
  if (roundTrip.outcome === 'arrived') {
    return pass(`${title} delivers to ${hook.url}, with the right signature`);
  }
  const advice = await adviseOn(roundTrip, place, hook);
  switch (roundTrip.outcome) {
    case 'untestable':
      return warn(`${title} has nothing yet that could be delivered`, advice);
    case 'missing':
      return fail(`nothing that ${title} is to deliver arrives`, advice);
    case 'refused':
      return fail(
        `a delivery of ${title} was refused with ${roundTrip.status}`,
        advice,
        roundTrip.status === 401
          ? async () => {
              await replaceHook(forge, { place, url: publicUrl ?? hook.url, secret }, hook);
            }
          : undefined,
      );
  }
}

/** A repository's own webhook counts, or its org's. */
async function findAll(parts: WebhookParts): Promise<Found[]> {
  const repositories = await parts.repositories();
  const found = await Promise.all([
    ...repositories.map(async ({ owner, name }) => {
      const own = await find({ kind: 'repository', owner, name }, parts);
      if (own.kind === 'hook') return own;
      const ofOrg = await find({ kind: 'org', org: owner }, parts);
      if (ofOrg.kind === 'hook') return ofOrg;
      return own.kind === 'none' && ofOrg.kind === 'hidden'
        ? ({ kind: 'none-of-its-own', place: own.place, org: owner } as const)
        : own;
    }),
    ...parts.orgs.map((org) => find({ kind: 'org', org }, parts)),
  ]);
  // The org's serves several repositories.
  return [...new Map(found.map((one) => [formatPlace(one.place), one])).values()];
}

async function find(place: Place, { access, localUrl, publicUrl }: WebhookParts): Promise<Found> {
  const forge = administrator(access);
  const url = publicUrl ?? localUrl;
  try {
    const { hook } = await examineWebhook(forge, { place, url });
    if (hook === undefined) return { kind: 'none', place, url };
    const { problems } = await examineWebhook(forge, { place, url: publicUrl ?? hook.url });
    return { kind: 'hook', place, hook, problems };
  } catch (error) {
    if (error instanceof ForgeDeniedError) return { kind: 'hidden', place };
    if (error instanceof ForgeNotFoundError) return { kind: 'absent', place };
    throw error;
  }
}

/** The orchestrator's own account administrates nothing, as a rule. */
function administrator({ own, person }: ForgeAccess): ForgeSetup {
  return person ?? own;
}
