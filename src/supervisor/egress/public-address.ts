import { BlockList, isIPv6 } from 'node:net';

/** IANA's special-purpose registries: addresses of this host, of its networks, and of nobody. */
const ipv4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
/** Of the one range that is given out, what is special in it: Teredo, documentation, 6to4, which carry others inside. */
const globalUnicast = ['2000::', 3] as const;
const ipv6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const special = new BlockList();
for (const [network, prefix] of ipv4) special.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of ipv6) special.addSubnet(network, prefix, 'ipv6');
const unicast = new BlockList();
unicast.addSubnet(...globalUnicast, 'ipv6');

/** Whether an IP address is one of the public internet. IPv4 inside of IPv6 is not. */
export function isPublicAddress(address: string): boolean {
  return isIPv6(address)
    ? unicast.check(address, 'ipv6') && !special.check(address, 'ipv6')
    : !special.check(address, 'ipv4');
}
