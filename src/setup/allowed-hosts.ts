import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { hostOf } from '../domain/http-url.ts';
import { isLoopback } from '../domain/loopback.ts';

/** What Gitea's word `external`, all that it delivers to unless told otherwise, leaves out. */
const internal = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['0.0.0.0', 8],
] as const) {
  internal.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['fc00::', 7],
  ['fe80::', 10],
] as const) {
  internal.addSubnet(network, prefix, 'ipv6');
}

/**
 * What Gitea's `ALLOWED_HOST_LIST` has to name so that it delivers to `url`: undefined when it does so without, because the
 * address is a public one.
 */
export async function neededAllowedHost(url: string): Promise<string | undefined> {
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await addressesOf(host) : [host];
  if (addresses.some(isLoopback)) {
    return 'loopback';
  }
  const isHidden = addresses.length === 0 || addresses.some(isInternal);
  return isHidden ? host : undefined;
}

/** The lines of `app.ini`. */
export function allowedHostLines(host: string): string {
  return `[webhook]\nALLOWED_HOST_LIST = external, ${host}`;
}

/** None for a name that only the forge knows, which is hardly a public one. */
async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}

function isInternal(address: string): boolean {
  return internal.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
