import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import {
  type NotificationServer,
  startNotificationServer,
} from '../support/notification-server.ts';
import { run } from './orchestrator.ts';

let server: NotificationServer;
beforeAll(async () => {
  server = await startNotificationServer();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const notifyTest = (environment: Record<string, string>, ...args: string[]) =>
  run(['notify', 'test', ...args], environment);

test('a test notification goes on each way, and what happened is said', async () => {
  const { code, stdout, stderr } = await notifyTest({
    ORCHESTRATOR_NOTIFY_WEBHOOK_URL: `${server.url}/s3cret`,
    ORCHESTRATOR_NOTIFY_NTFY_URL: `${server.url}/s3cret`,
    ORCHESTRATOR_NOTIFY_NTFY_EVENTS: 'failed',
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { host } = new URL(server.url);
  expect(stdout).toBe(
    `PASS  webhook at ${host}: sent. It gets needs-you, failed, webhook-failing, disk.\n` +
      `PASS  ntfy at ${host}: sent. It gets failed.\n`,
  );
  expect(server.posts).toHaveLength(2);
});

test('one that is not taken fails the check, with the reason and without the address', async () => {
  const { code, stdout, stderr } = await notifyTest(
    {
      ORCHESTRATOR_NOTIFY_WEBHOOK_URL: `http://127.0.0.1:${await freePort()}/s3cret`,
      ORCHESTRATOR_NOTIFY_NTFY_URL: `${server.url}/s3cret`,
    },
    '--json',
  );
  expect({ code, stderr }).toEqual({
    code: 4,
    stderr: 'error: 1 of 2 did not take a notification.\n',
  });
  expect(JSON.parse(stdout)).toMatchObject({
    notifiers: [
      { notifier: 'webhook', sent: false, problem: 'the server cannot be reached (ECONNREFUSED)' },
      { notifier: 'ntfy', sent: true, problem: null },
    ],
  });
  expect(stdout).not.toContain('s3cret');
});

test('without an address it says which settings there are', async () => {
  const { code, stderr } = await notifyTest({});
  expect(code).toBe(2);
  expect(stderr).toContain('ORCHESTRATOR_NOTIFY_NTFY_URL');
});
