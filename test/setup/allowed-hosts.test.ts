import { expect, test } from 'vitest';
import { allowedHostLines, neededAllowedHost } from '../../src/setup/allowed-hosts.ts';

test.each([
  ['http://127.0.0.1:8477/webhooks/gitea', 'loopback'],
  ['http://[::1]:8477/', 'loopback'],
  ['http://localhost:8477/', 'loopback'],
  ['http://10.1.2.3:8477/', '10.1.2.3'],
  ['http://172.17.0.1:8477/', '172.17.0.1'],
  ['http://192.168.1.20:8477/', '192.168.1.20'],
  ['http://[fd00::5]:8477/', 'fd00::5'],
  ['http://orchestrator.invalid:8477/', 'orchestrator.invalid'],
  ['https://8.8.8.8/', undefined],
  ['https://172.32.0.1/', undefined],
])('to deliver to %s Gitea needs %s in its list', async (url, host) => {
  expect(await neededAllowedHost(url)).toBe(host);
});

test('the lines keep what Gitea allows by itself', () => {
  expect(allowedHostLines('10.1.2.3')).toBe('[webhook]\nALLOWED_HOST_LIST = external, 10.1.2.3');
});
