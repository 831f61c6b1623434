import { isIP } from 'node:net';

export interface Destination {
  /** A name, lower case and without a dot at its end. */
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, or `host` with the port that the scheme has.
 * @returns undefined when it is none, or names an address in place of a host: an address has nobody to vouch for it
 */
export function parseDestination(
  authority: string,
  defaultPort: number | undefined,
): Destination | undefined {
  const [, name = '', digits] = /^([\w.-]{1,255})(?::(\d{1,5}))?$/.exec(authority) ?? [];
  const host = name.toLowerCase().replace(/\.$/, '');
  const port = digits === undefined ? defaultPort : Number(digits);
  const isName = /[a-z]/.test(host) && isIP(host) === 0;
  return isName && port !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined;
}

/**
 * Whether the list has it. An entry is `name`, or `*.name` for all below it, with an optional `:port`.
 * @param defaultPort of an entry that names none
 */
export function isAllowed(
  allow: readonly string[],
  { host, port }: Destination,
  defaultPort: number,
): boolean {
  return allow.some((entry) => {
    const [name = '', digits] = entry.toLowerCase().split(':');
    const isHost = name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;
    return isHost && port === Number(digits ?? defaultPort);
  });
}
