import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Notification } from '../../src/domain/notification.ts';
import { createNtfyNotifier } from '../../src/notifications/ntfy.ts';
import { tryNotifiers } from '../../src/notifications/try-notifiers.ts';
import { createWebhookNotifier } from '../../src/notifications/webhook.ts';
import { freePort } from '../../src/demo/free-port.ts';
import {
  type NotificationServer,
  startNotificationServer,
} from '../support/notification-server.ts';

let server: NotificationServer;
beforeAll(async () => {
  server = await startNotificationServer();
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach(() => {
  server.answer = { status: 200 };
});

const notification: Notification = {
  id: '0123456789abcdef0123456789abcdef',
  event: 'failed',
  title: 'acme/widgets#7: run 2 failed',
  text: 'acme/widgets#7: Mirror the lamp ☂\n\nRun 2: the agent was silent for too long and was stopped.',
  url: 'https://gitea.example/acme/widgets/issues/7',
  issue: {
    repository: 'acme/widgets',
    number: 7,
    title: 'Mirror the lamp ☂',
    pullRequest: undefined,
  },
  raisedAt: Date.UTC(2026, 0, 2, 3, 4, 5),
};

const webhook = (secret?: string) =>
  createWebhookNotifier({
    url: `${server.url}/hooks/s3cret?key=s3cret`,
    secret,
    events: ['failed'],
  });
const ntfy = (token?: string) =>
  createNtfyNotifier({ url: `${server.url}/s3cret-topic`, token, events: ['failed'] });

async function received(send: Promise<void>) {
  await send;
  const post = server.posts.at(-1);
  if (post === undefined) throw new Error('nothing was posted');
  return post;
}

describe('the webhook', () => {
  test('posts JSON that says what happened, to which issue, and where to look', async () => {
    const { path, headers, body } = await received(webhook().send(notification));
    expect(path).toBe('/hooks/s3cret?key=s3cret');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': notification.id,
      'webhook-timestamp': expect.stringMatching(/^\d{10}$/),
    });
    expect(headers['webhook-signature']).toBeUndefined();
    expect(JSON.parse(body)).toEqual({
      type: 'failed',
      timestamp: '2026-01-02T03:04:05.000Z',
      data: {
        id: notification.id,
        title: notification.title,
        text: notification.text,
        url: notification.url,
        issue: {
          repository: 'acme/widgets',
          number: 7,
          title: 'Mirror the lamp ☂',
          pullRequest: null,
        },
      },
    });
  });

  test.each([
    ['any text', 'hush hush', Buffer.from('hush hush')],
    [
      'base64 behind whsec_',
      `whsec_${Buffer.from('hush').toString('base64')}`,
      Buffer.from('hush'),
    ],
  ])('signs id, time and body with %s', async (_, secret, key) => {
    const { headers, body } = await received(webhook(secret).send(notification));
    const signed = [headers['webhook-id'], headers['webhook-timestamp'], body].join('.');
    const signature = createHmac('sha256', key).update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
  });
});

describe('ntfy', () => {
  test('gets a title, a priority, a tag and a link, and shows a repetition in the place of the first', async () => {
    const { path, headers, body } = await received(ntfy().send(notification));
    expect(path).toBe('/s3cret-topic');
    expect(headers).toMatchObject({
      title: notification.title,
      priority: '4',
      tags: 'x',
      click: notification.url,
      'x-sequence-id': notification.id,
    });
    expect(headers.authorization).toBeUndefined();
    expect(body).toBe(notification.text);
  });

  test('gets the token, and a title in other letters as RFC 2047 has it', async () => {
    const title = 'Grüße ☂';
    const { headers } = await received(ntfy('tk_hush').send({ ...notification, title }));
    expect(headers.authorization).toBe('Bearer tk_hush');
    const [, encoded = ''] = /^=\?UTF-8\?B\?(.+)\?=$/.exec(String(headers['title'])) ?? [];
    expect(Buffer.from(encoded, 'base64').toString()).toBe(title);
  });

  test('gets a text that it makes no file of', async () => {
    const { body } = await received(ntfy().send({ ...notification, text: '☂'.repeat(3_000) }));
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(4_096);
    expect(body).toMatch(/^☂+ …$/);
  });
});

describe.each([
  ['the webhook', () => webhook('hush')],
  ['ntfy', () => ntfy('hush')],
])('%s', (_, notifier) => {
  test.each([408, 425, 429, 500, 503])('is tried again after %i', async (status) => {
    server.answer = { status };
    await expect(notifier().send(notification)).rejects.toMatchObject({
      name: 'NotifierUnavailableError',
      message: `the server answers ${status}`,
    });
  });

  test('is tried again when the server asked for', async () => {
    server.answer = { status: 429, headers: { 'retry-after': '17' } };
    await expect(notifier().send(notification)).rejects.toMatchObject({ retryAfterSeconds: 17 });
  });

  test.each([400, 401, 403, 404, 410, 413])('is given up after %i', async (status) => {
    server.answer = { status };
    await expect(notifier().send(notification)).rejects.toMatchObject({
      name: 'NotifierRefusedError',
      message: expect.stringContaining(`the server answers ${status}: check`),
    });
  });

  test('follows no redirect, which would take secrets elsewhere', async () => {
    const before = server.posts.length;
    server.answer = { status: 307, headers: { location: `${server.url}/elsewhere` } };
    await expect(notifier().send(notification)).rejects.toThrow(/redirect/);
    expect(server.posts.length).toBe(before + 1);
  });
});

test('a server is waited for 10 s, and no longer', { timeout: 20_000 }, async () => {
  server.answer = 'silence';
  const began = performance.now();
  await expect(webhook().send(notification)).rejects.toMatchObject({
    name: 'NotifierUnavailableError',
    message: 'the server does not answer within 10 s',
  });
  expect(performance.now() - began).toBeLessThan(13_000);
});

describe('a try', () => {
  test('tells of each way what happened, and of no secret', async () => {
    const port = await freePort();
    const away = createNtfyNotifier({
      url: `http://127.0.0.1:${port}/s3cret-topic`,
      token: 's3cret',
      events: ['disk', 'failed'],
    });
    const trials = await tryNotifiers([webhook('s3cret'), away]);
    expect(trials).toEqual([
      {
        notifier: 'webhook',
        host: new URL(server.url).host,
        events: ['failed'],
        problem: undefined,
      },
      {
        notifier: 'ntfy',
        host: `127.0.0.1:${port}`,
        events: ['disk', 'failed'],
        problem: 'the server cannot be reached (ECONNREFUSED)',
      },
    ]);
    expect(JSON.stringify(trials)).not.toContain('s3cret');
    expect(JSON.parse(server.posts.at(-1)?.body ?? '')).toMatchObject({ type: 'test' });
  });
});
