import type { SetupConfig } from '../../config/load-setup.ts';
import type { ForgeSetup, Hook, Place } from '../../forges/forge-setup.ts';
import type { DeliveryWatch } from '../delivery-watch.ts';
import { formatPlace } from '../place.ts';
import { isRefusal, type Progress } from '../progress.ts';
import { findReachable, listCandidates, type Candidate } from '../reachable-url.ts';
import { makeRoundTrip } from '../round-trip.ts';
import {
  adviseOn,
  adviseOnSilence,
  examineWebhook,
  mendWebhook,
  replaceHook,
  type WantedWebhook,
} from '../webhook.ts';
import { webhookUrl } from '../webhook-url.ts';

export interface WebhookStepParts {
  readonly config: SetupConfig;
  readonly progress: Progress;
  /** Of somebody who administrates the places. */
  readonly forge: ForgeSetup;
  readonly apiUrl: string;
  readonly secret: string;
  /** Of the running orchestrator, or of whoever listens in its place. */
  readonly watch: DeliveryWatch;
}

/**
 * Finds an address of this machine that the forge reaches, by letting it deliver to each.
 * @returns undefined when there is none, or it may not be tried: what is left to do was told
 */
export async function findAddress(
  place: Place,
  { config, progress, forge, apiUrl, secret, watch }: WebhookStepParts,
): Promise<Candidate | undefined> {
  const all = await listCandidates(apiUrl, config.port);
  const isAny = ['0.0.0.0', '::', '127.0.0.1'].includes(config.host);
  const given = all.filter(({ host }) => host === config.host);
  const candidates = config.hostIsGiven && !isAny && given.length > 0 ? given : all;
  const urls = candidates.map(({ url }) => url).join(' or ');
  const title = formatPlace(place);
  const proposal = `Let Gitea deliver to ${urls}, by a webhook of ${title} that is removed at once`;
  if (!(await progress.person.agrees(proposal))) {
    progress.tellLeft(
      'The orchestrator has to know at which address Gitea reaches it: --public-url or ORCHESTRATOR_PUBLIC_URL says so.',
    );
    return undefined;
  }
  for (;;) {
    progress.person.tellBusy('Waiting for Gitea to deliver');
    const options = { watch, signal: progress.signal };
    const found = await findReachable(forge, place, candidates, secret, options).catch(
      (error: unknown) => {
        if (isRefusal(error)) return error;
        throw error;
      },
    );
    if (found instanceof Error) {
      progress.tellLeft(
        `Webhooks of ${title} take a token of somebody who administrates it (${found.message}): --setup-token-file or FORGE_SETUP_TOKEN.`,
      );
      return undefined;
    }
    if (found === 'untestable') {
      progress.tellLeft(
        `${title} has neither a commit nor an issue, so that Gitea has nothing to deliver: push a first commit.`,
      );
      return undefined;
    }
    if (found !== 'missing') {
      progress.tellRight(`Gitea reaches ${found.url}`);
      return found;
    }
    const [likeliest = { url: `http://127.0.0.1:${config.port}` }] = candidates;
    const advice = await adviseOnSilence({ url: webhookUrl(likeliest.url) });
    if (!(await triesAgain(progress, advice))) {
      return undefined;
    }
  }
}

/** The webhook of a place, proved by a delivery. */
export async function prepareWebhook(
  place: Place,
  baseUrl: string,
  step: WebhookStepParts,
): Promise<void> {
  const { progress, forge, secret } = step;
  const wanted = { place, url: webhookUrl(baseUrl), secret };
  const title = formatPlace(place);
  const byHand = `Who administrates it does so, under Settings › Webhooks of ${title}: target URL ${wanted.url}, content type application/json, and the secret.`;
  const state = await examineWebhook(forge, wanted).catch((error: unknown) => {
    if (isRefusal(error)) return undefined;
    throw error;
  });
  if (state === undefined) {
    progress.tellLeft(
      `The webhook of ${title} cannot be seen with this token: give one of somebody who administrates ${title}. ${byHand}`,
    );
    return;
  }
  let { hook } = state;
  if (state.problems.length > 0 || state.leftovers.length > 0) {
    await progress.change({
      proposal:
        hook === undefined
          ? `Make a webhook of ${title} for ${wanted.url}`
          : `Put the webhook of ${title} right: ${state.problems.join(', ') || 'tests have left others'}`,
      done: hook === undefined ? `made the webhook of ${title}` : `mended the webhook of ${title}`,
      byHand,
      make: async () => {
        ({ hook } = await mendWebhook(forge, wanted, { takesOver: true }));
      },
    });
  }
  if (hook !== undefined) {
    await proveWebhook(hook, wanted, step);
  }
}

/** Lets the forge deliver, until that arrives or the person gives up. */
async function proveWebhook(
  first: Hook,
  wanted: WantedWebhook,
  { progress, forge, watch }: WebhookStepParts,
): Promise<void> {
  const { place, url } = wanted;
  const title = formatPlace(place);
  for (let hook = first; ;) {
    progress.person.tellBusy(`Waiting for a delivery of ${title}`);
    const options = { watch, signal: progress.signal };
    const roundTrip = await makeRoundTrip(forge, place, hook, options);
    if (roundTrip.outcome === 'arrived') {
      progress.tellRight(`The webhook of ${title} delivers to ${url}`);
      return;
    }
    if (roundTrip.outcome === 'refused' && roundTrip.status === 401 && hook === first) {
      const isReplaced = await progress.change({
        proposal: `Replace the webhook of ${title}, whose secret is not the orchestrator's`,
        done: `replaced the webhook of ${title} by one with the orchestrator's secret`,
        byHand: 'The secrets of both have to be the same.',
        make: async () => {
          hook = await replaceHook(forge, wanted, first);
        },
      });
      if (!isReplaced) {
        return;
      }
    } else if (!(await triesAgain(progress, await adviseOn(roundTrip, place, hook)))) {
      return;
    }
  }
}

async function triesAgain(progress: Progress, advice: string): Promise<boolean> {
  progress.tellLeft(advice);
  const again = await progress.person.triesAgain('Try again');
  if (again) {
    progress.takeBackLeft();
  }
  return again;
}
