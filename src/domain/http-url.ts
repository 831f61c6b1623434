/** @param host a name or an IP address: IPv6 has brackets in a URL */
export function httpUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** As DNS and sockets take it: an IPv6 address without the brackets that it has in a URL. */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}
