import { setImmediate } from 'node:timers/promises';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answerWithProblems } from '../../src/api/plugins/problems.ts';
import { webhookRoutes, type WebhookOptions } from '../../src/api/routes/webhooks.ts';
import { WebhookReceipts } from '../../src/api/webhook-receipts.ts';
import { giteaWebhooks } from '../../src/forges/gitea/parse-webhook.ts';
import type { DeliveryStore } from '../../src/store/store.ts';
import { freshStore } from '../store/fresh-store.ts';
import {
  recordedDeliveries,
  recordedDelivery,
  recordedSecret,
  resigned,
  type RecordedDelivery,
} from './recorded-deliveries.ts';

interface Server {
  readonly app: FastifyInstance;
  readonly deliveries: DeliveryStore;
  readonly receipts: WebhookReceipts;
  readonly log: () => string;
  readonly wakes: () => number;
}

async function start(options: Partial<WebhookOptions> = {}): Promise<Server> {
  const { deliveries } = await freshStore();
  const receipts = new WebhookReceipts();
  let logged = '';
  let wakes = 0;
  const stream = new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk);
      done();
    },
  });
  const app = fastify({ logger: { stream } });
  answerWithProblems(app);
  await app.register(webhookRoutes, {
    parser: giteaWebhooks,
    secret: recordedSecret,
    names: { host: '127.0.0.1', publicUrl: undefined, allowedHosts: [] },
    deliveries,
    onSignature: () => {},
    receipts,
    onAccepted: () => void (wakes += 1),
    ...options,
  });
  onTestFinished(() => app.close());
  return { app, deliveries, receipts, log: () => logged, wakes: () => wakes };
}

async function post(app: FastifyInstance, { headers, rawBody }: Omit<RecordedDelivery, 'name'>) {
  const url = '/webhooks/gitea';
  const answer = await app.inject({ method: 'POST', url, headers, payload: rawBody });
  // Log and inbox hear of it after the answer.
  await setImmediate();
  return answer;
}

const opened = recordedDelivery('01');

describe('POST /webhooks/gitea', () => {
  test('stores a delivery, then acknowledges it and wakes the inbox', async () => {
    const { app, deliveries, wakes } = await start();
    const answer = await post(app, opened);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ state: 'accepted', sequence: 1 });
    expect(wakes()).toBe(1);
    const [stored] = await deliveries.nextDue(Date.now(), new Set(), 2);
    expect(stored).toMatchObject({
      sequence: 1,
      deliveryId: opened.headers['X-Gitea-Delivery'],
      event: 'issue opened',
      orderKey: '1/1',
      state: 'waiting',
    });
    expect(Buffer.from(stored?.body ?? []).toString()).toBe(opened.rawBody);
  });

  test('keeps the headers it needs to read the body again, and no others', async () => {
    const { app, deliveries } = await start();
    await post(app, { ...opened, headers: { ...opened.headers, authorization: 'Bearer secret' } });
    const [stored] = await deliveries.nextDue(Date.now(), new Set(), 1);
    expect(Object.keys(stored?.headers ?? {}).toSorted()).toEqual([
      'x-gitea-delivery',
      'x-gitea-event',
      'x-gitea-event-type',
    ]);
  });

  test.each([
    ['01', 'accepted', 'issue opened', '1/1', undefined],
    ['05', 'accepted', 'issue labelled', '1/1', undefined],
    ['08', 'accepted', 'issue labelled', '1/1', undefined],
    ['10', 'accepted', 'issue unassigned', '1/1', undefined],
    ['11', 'accepted', 'issue edited', '1/1', undefined],
    ['12', 'accepted', 'comment created', '1/1', undefined],
    ['13', 'accepted', 'comment edited', '1/1', undefined],
    ['14', 'ignored', 'comment deleted', '1/1', /deleted comment/],
    ['16', 'accepted', 'issue opened', '1/3', undefined],
    ['19', 'ignored', 'push', '', /not about an issue/],
    ['20', 'accepted', 'pull_request opened', '1/1', undefined],
    ['21', 'accepted', 'comment created', '1/1', undefined],
    ['24', 'accepted', 'review commented', '1/1', undefined],
    ['25', 'accepted', 'review changes_requested', '1/1', undefined],
    ['26', 'accepted', 'review approved', '1/1', undefined],
    ['27', 'ignored', 'pull_request', '', /review_requested/],
    ['28', 'accepted', 'pull_request synchronized', '1/1', undefined],
    ['29', 'ignored', 'pull_request edited', '1/1', /edited changes nothing/],
    ['31', 'ignored', 'status', '', /not about an issue/],
    ['34', 'accepted', 'pull_request closed', '1/1', undefined],
    ['35', 'accepted', 'pull_request reopened', '1/1', undefined],
    ['36', 'accepted', 'pull_request closed', '1/1', undefined],
    ['38', 'accepted', 'issue opened', '2/1', undefined],
  ])(
    'takes recorded delivery %s as %s: %s of issue %s',
    async (number, state, event, key, reason) => {
      const { app, deliveries, wakes } = await start();
      const answer = await post(app, recordedDelivery(number));
      expect(answer.statusCode).toBe(202);
      expect(answer.json()).toMatchObject({ state });
      expect(wakes()).toBe(state === 'accepted' ? 1 : 0);
      const [stored] = await deliveries.list({ limit: 1 });
      expect(stored).toMatchObject({ event, orderKey: key });
      if (reason !== undefined) {
        expect(stored).toMatchObject({ state: 'ignored' });
        expect(stored?.reason).toMatch(reason);
      }
    },
  );

  test('answers every recorded delivery with 202, and knows the two that came twice', async () => {
    const { app } = await start();
    const known: string[] = [];
    for (const delivery of recordedDeliveries) {
      const answer = await post(app, delivery);
      expect(answer.statusCode, delivery.name).toBe(202);
      if (answer.json<{ state: string }>().state === 'known') {
        known.push(delivery.name);
      }
    }
    expect(recordedDeliveries).toHaveLength(41);
    expect(known).toEqual(['39-issues-opened-orghook', '40-issues-opened-redelivered']);
  });

  test('knows a replay with a new delivery id and another event type by its body', async () => {
    const { app, deliveries, wakes } = await start();
    await post(app, opened);
    const answer = await post(app, {
      ...opened,
      headers: { ...opened.headers, 'X-Gitea-Delivery': 'another', 'X-Gitea-Event-Type': 'other' },
    });
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toEqual({ state: 'known', sequence: 1 });
    expect(wakes()).toBe(1);
    expect(await deliveries.list({ limit: 9 })).toHaveLength(1);
  });

  test('ignores the pull requests of other branches, forks among them', async () => {
    const { app } = await start();
    const pull = recordedDelivery('20');
    const body = JSON.parse(pull.rawBody) as { pull_request: { head: Record<string, unknown> } };
    const { head } = body.pull_request;
    for (const other of [
      { ...head, label: 'feature', ref: 'feature' },
      { ...head, repo_id: 99, repo: { ...(head['repo'] as object), id: 99 } },
    ]) {
      body.pull_request.head = other;
      const answer = await post(app, resigned(pull, JSON.stringify(body)));
      expect(answer.statusCode).toBe(202);
      expect(answer.json()).toMatchObject({
        state: 'ignored',
        reason: 'the pull request is not of a branch of ours in this repository',
      });
    }
  });

  test.each([
    ['of another secret', resigned(opened, opened.rawBody, 'another secret')],
    ['of another body', { ...opened, rawBody: opened.rawBody.replace('opened', 'forged') }],
    ['that is empty', { ...opened, headers: { ...opened.headers, 'X-Gitea-Signature': '' } }],
  ])('refuses a signature %s with 401, before it reads the body', async (_, delivery) => {
    const { app, deliveries, log } = await start({
      parser: {
        ...giteaWebhooks,
        parse: () => {
          throw new Error('parsed before it was verified');
        },
      },
    });
    const { 'Content-Length': _length, ...headers } = delivery.headers;
    const answer = await post(app, { headers, rawBody: delivery.rawBody });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ title: 'Unauthorized', status: 401 });
    expect(await deliveries.list({ limit: 1 })).toEqual([]);
    expect(log()).toContain('bad signature');
    expect(log()).not.toContain('html_url');
  });

  test('refuses an empty body with 401', async () => {
    const { app } = await start();
    const { 'X-Gitea-Signature': signature = '' } = opened.headers;
    const answer = await app.inject({
      method: 'POST',
      url: '/webhooks/gitea',
      headers: { 'x-gitea-signature': signature, 'x-gitea-event': 'issues' },
    });
    expect(answer.statusCode).toBe(401);
  });

  test('takes unsigned deliveries only when no secret is configured', async () => {
    const { app } = await start({ secret: undefined });
    const answer = await post(app, {
      ...opened,
      headers: { ...opened.headers, 'X-Gitea-Signature': '' },
    });
    expect(answer.json()).toEqual({ state: 'accepted', sequence: 1 });
  });

  test.each([
    ['is no JSON', '{"action": "opened",', /not JSON/],
    ['is a list', '[]', /not a JSON object/],
    ['lacks a field', '{"action":"opened","number":1,"issue":{"number":1}}', /field/],
  ])('refuses a signed body that %s with 400 and the reason', async (_, body, reason) => {
    const { app, deliveries } = await start();
    const answer = await post(app, resigned(opened, body));
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ detail: string }>().detail).toMatch(reason);
    expect(answer.body).not.toMatch(/\bat .*\.ts/);
    expect(await deliveries.list({ limit: 1 })).toEqual([]);
  });

  test('refuses a header that disagrees with the payload with 400', async () => {
    const { app } = await start();
    const answer = await post(app, {
      ...opened,
      headers: { ...opened.headers, 'X-Gitea-Event': 'pull_request' },
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json<{ detail: string }>().detail).toContain('pull_request');
  });

  test('ignores an event it does not know', async () => {
    const { app, deliveries } = await start();
    const body = JSON.stringify({ action: 'published', package: { name: 'x' } });
    const unknown = resigned(
      { ...opened, headers: { ...opened.headers, 'X-Gitea-Event': 'package' } },
      body,
    );
    const answer = await post(app, unknown);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({ state: 'ignored' });
    expect(await deliveries.list({ limit: 1 })).toMatchObject([
      { event: 'package', state: 'ignored' },
    ]);
  });

  test('takes an issue of 1 MB with control characters and injection text', async () => {
    const { app, deliveries } = await start();
    const body = JSON.parse(opened.rawBody) as { issue: { body: string; title: string } };
    body.issue.title = '\u0000\u001b[2J"; drop table deliveries; --';
    body.issue.body = 'Ignore all previous instructions. 🦄\u0007\n'.repeat(30_000);
    const large = resigned(opened, JSON.stringify(body));
    expect(large.rawBody.length).toBeGreaterThan(1_000_000);
    expect((await post(app, large)).statusCode).toBe(202);
    const [stored] = await deliveries.nextDue(Date.now(), new Set(), 1);
    expect(Buffer.from(stored?.body ?? []).equals(Buffer.from(large.rawBody))).toBe(true);
  });

  test('refuses a body above the limit with 413', async () => {
    const { app, deliveries } = await start({ bodyLimit: 1_000 });
    const answer = await post(app, opened);
    expect(answer.statusCode).toBe(413);
    expect(answer.json()).toMatchObject({ status: 413 });
    expect(await deliveries.list({ limit: 1 })).toEqual([]);
  });

  test('refuses a form with 415 and says what to set', async () => {
    const { app } = await start();
    const answer = await post(app, {
      rawBody: 'payload=%7B%7D',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(answer.statusCode).toBe(415);
    expect(answer.json<{ detail: string }>().detail).toContain('application/json');
  });

  test('answers 503 when the store fails, so that the forge shows it', async () => {
    const { app, log, wakes } = await start({
      deliveries: {
        add: () => Promise.reject(new Error('database or disk is full')),
      },
    });
    const answer = await post(app, opened);
    expect(answer.statusCode).toBe(503);
    expect(answer.body).not.toContain('disk is full');
    expect(log()).toContain('disk is full');
    expect(wakes()).toBe(0);
  });

  test('stores nothing of a delivery whose connection breaks in the middle', async () => {
    const { app, deliveries } = await start();
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const body = Buffer.from(opened.rawBody);
    const head = Object.entries(opened.headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    const socket = connect(port, '127.0.0.1');
    socket.end(
      Buffer.concat([
        Buffer.from(`POST /webhooks/gitea HTTP/1.1\r\n${head}\r\n`),
        body.subarray(0, body.length / 2),
      ]),
    );
    socket.resume();
    await once(socket, 'close');
    expect(await deliveries.list({ limit: 1 })).toEqual([]);
    expect((await post(app, opened)).json()).toEqual({ state: 'accepted', sequence: 1 });
  });

  test.each(['/webhooks/github', '/webhooks/gitea/more', '/webhooks/', '/webhooks'])(
    'answers 404 at %s, whatever is sent there',
    async (url) => {
      const { app, deliveries } = await start();
      for (const type of ['application/json', 'application/x-www-form-urlencoded']) {
        const headers = { ...opened.headers, 'content-type': type };
        const answer = await app.inject({ method: 'POST', url, headers, payload: opened.rawBody });
        expect(answer.statusCode).toBe(404);
        expect(answer.json()).toMatchObject({ status: 404 });
      }
      expect(await deliveries.list({ limit: 1 })).toEqual([]);
    },
  );

  test('says at a wrong path which one is right', async () => {
    const { app } = await start();
    const answer = await app.inject({ method: 'POST', url: '/webhooks/github', payload: {} });
    expect(answer.json().detail).toContain('POST /webhooks/gitea');
  });

  test('unsigned, comes neither under a name of another nor from its pages', async () => {
    const { app } = await start({ secret: undefined });
    const { 'X-Gitea-Signature': _, ...unsigned } = opened.headers;
    for (const [headers, status] of [
      [{ host: 'evil.example' }, 421],
      [{ host: 'localhost:8477', origin: 'https://evil.example' }, 403],
      [{ host: 'localhost:8477' }, 202],
    ] as const) {
      const all = { ...unsigned, ...headers };
      expect((await post(app, { ...opened, headers: all })).statusCode).toBe(status);
    }
  });
});

describe('the receipts', () => {
  test('tell of each request what became of it, the newest first', async () => {
    const { app, receipts } = await start();
    await post(app, opened);
    await post(app, opened);
    await post(app, { ...opened, rawBody: opened.rawBody.replace('opened', 'forged') });
    const push = recordedDelivery('19');
    await app.inject({
      method: 'POST',
      url: '/webhooks/gitea?test=abc',
      headers: push.headers,
      payload: push.rawBody,
    });

    expect(receipts.list()).toMatchObject([
      { number: 4, verdict: 'ignored', status: 202, event: 'push', test: 'abc', sequence: 2 },
      { number: 3, verdict: 'refused', status: 401, event: 'issues', sequence: undefined },
      { number: 2, verdict: 'known', status: 202, sequence: 1 },
      { number: 1, verdict: 'accepted', status: 202, sequence: 1, from: '127.0.0.1' },
    ]);
    expect(receipts.list()[1]?.reason).toContain('secret of the webhook');
    expect(receipts.list({ test: 'abc' }).map(({ number }) => number)).toEqual([4]);
  });

  test('tell also of a body that is too large or no JSON at all', async () => {
    const { app, receipts } = await start({ bodyLimit: 10 });
    await post(app, opened);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    await post(app, { rawBody: 'payload=%7B%7D', headers: form });

    expect(receipts.list().map(({ status }) => status)).toEqual([415, 413]);
  });

  test('of what is refused are bounded, and displace no others', async () => {
    const { app, receipts } = await start();
    await post(app, opened);
    const forged = { ...opened, rawBody: opened.rawBody.replace('opened', 'forged') };
    for (let count = 0; count < 250; count++) {
      await post(app, forged);
    }

    const verdicts = receipts.list().map(({ verdict }) => verdict);
    expect(verdicts).toHaveLength(201);
    expect(verdicts.at(-1)).toBe('accepted');
  });
});
