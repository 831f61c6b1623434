/** Whether a host name or an IP address, in a URL's brackets or without, means this machine, and nobody else can reach it there. */
export function isLoopback(host: string): boolean {
  return /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}
