import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { hostOf, httpUrl } from '../domain/http-url.ts';
import { isLoopback } from '../domain/loopback.ts';
import type { ForgeSetup, Place } from '../forges/forge-setup.ts';
import { type DeliveryWatch, lookEveryMs } from './delivery-watch.ts';
import { deliveryPatienceMs, type RoundTripOptions } from './round-trip.ts';
import { newTest, testUrl, webhookUrl } from './webhook-url.ts';

/** An address at which the forge may reach the orchestrator. */
export interface Candidate {
  /** Without a slash at its end. */
  readonly url: string;
  /** Where the orchestrator has to listen for it. */
  readonly host: string;
}

/** More would take the forge minutes to try. */
const atMost = 6;
/** After the first has arrived, so long a better one may still come. */
const graceMs = 1_500;

/**
 * The addresses of this machine as the forge may know them, the likeliest first. From elsewhere the forge comes by the
 * address from which we reach it, or not at all. One on this machine may live in a container: then it comes by an address
 * of this machine's networks, or by the name that containers have for their host.
 */
export async function listCandidates(apiUrl: string, port: number): Promise<Candidate[]> {
  const own = await ownAddressTowards(apiUrl);
  if (own !== undefined && !isLoopback(own)) {
    return [{ url: httpUrl(own, port), host: own }];
  }
  const others = Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .toSorted((one, other) => one.family.localeCompare(other.family))
    .map(({ address }) => address);
  const addresses = [own ?? '127.0.0.1', ...others].slice(0, atMost - 1);
  return [
    ...addresses.map((host) => ({ url: httpUrl(host, port), host })),
    { url: httpUrl('host.docker.internal', port), host: '0.0.0.0' },
  ];
}

/**
 * The first of the candidates that the forge has delivered to; `missing` when it reaches none of them, `untestable` when it has
 * nothing to deliver. For the time of it the place has a webhook for each.
 */
export async function findReachable(
  forge: ForgeSetup,
  place: Place,
  candidates: readonly Candidate[],
  secret: string,
  { watch, signal, patienceMs = deliveryPatienceMs }: RoundTripOptions,
): Promise<Candidate | 'missing' | 'untestable'> {
  await using cleanup = new AsyncDisposableStack();
  const asked: Asked[] = [];
  for (const candidate of candidates) {
    const test = newTest();
    const url = testUrl(webhookUrl(candidate.url), test);
    const hook = await forge.createHook(place, { url, secret });
    cleanup.defer(() => forge.deleteHook(place, hook.id));
    const delivery = await forge.testHook(place, hook.id, url);
    if (delivery !== undefined) {
      asked.push({ candidate, test });
    }
  }
  if (asked.length === 0) {
    return 'untestable';
  }
  const end = Date.now() + patienceMs;
  let graceEnds: number | undefined;
  while (Date.now() < end) {
    const best = await firstArrived(asked, watch);
    graceEnds ??= best && Date.now() + graceMs;
    if (best !== undefined && (best === asked[0] || Date.now() > (graceEnds ?? 0))) {
      return best.candidate;
    }
    await delay(lookEveryMs, undefined, { signal });
  }
  return 'missing';
}

interface Asked {
  readonly candidate: Candidate;
  readonly test: string;
}

async function firstArrived(
  asked: readonly Asked[],
  watch: DeliveryWatch,
): Promise<Asked | undefined> {
  for (const one of asked) {
    if ((await watch.find(one.test)) !== undefined) {
      return one;
    }
  }
  return undefined;
}

/** Undefined when the forge does not answer. */
function ownAddressTowards(apiUrl: string): Promise<string | undefined> {
  const { port, protocol } = new URL(apiUrl);
  const usual = protocol === 'https:' ? 443 : 80;
  return new Promise((resolve) => {
    const socket = connect({
      host: hostOf(apiUrl),
      port: port === '' ? usual : Number(port),
      timeout: 10_000,
    });
    const end = (address: string | undefined): void => {
      socket.destroy();
      resolve(address);
    };
    socket.once('connect', () => end(socket.localAddress?.replace(/^::ffff:/, '')));
    socket.once('timeout', () => end(undefined));
    socket.once('error', () => end(undefined));
  });
}
