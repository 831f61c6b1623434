import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { webhookRoutes } from '../../src/api/routes/webhooks.ts';
import { giteaWebhooks } from '../../src/forges/gitea/parse-webhook.ts';
import { recordedDelivery, recordedSecret } from './recorded-deliveries.ts';
import { startSampleServer, type SampleServer } from './sample-server.ts';

let sample: SampleServer;
beforeEach(async () => {
  sample = await startSampleServer();
});
afterEach(() => sample.stop());

describe('security headers', () => {
  test.each(['/api/v1/issues', '/api/v1/nothing', '/healthz', '/nothing'])(
    'are on the answer to %s: nothing in it may be run, framed or sniffed',
    async (url) => {
      for (const headers of [{}, sample.authorization]) {
        const answer = await sample.server.inject({ url, headers });
        expect(answer.headers).toMatchObject({
          'content-security-policy': "default-src 'none';frame-ancestors 'none'",
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'referrer-policy': 'no-referrer',
          'cross-origin-resource-policy': 'same-origin',
        });
        expect(answer.headers).not.toHaveProperty('strict-transport-security');
        expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
      }
    },
  );

  test('what the API tells is kept by nobody on the way', async () => {
    const answer = await sample.server.inject({
      url: '/api/v1/issues',
      headers: sample.authorization,
    });
    expect(answer.headers['cache-control']).toBe('no-store');
  });
});

describe('/docs', () => {
  test('needs no token, and loads nothing from elsewhere', async () => {
    const page = await sample.server.inject('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.headers['content-security-policy']).not.toMatch(/https?:|script-src[^;]*unsafe/);
    const loaded = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(loaded.length).toBeGreaterThan(4);
    for (const path of loaded) {
      expect(path).toMatch(/^\/docs\/static\//);
      expect((await sample.server.inject(path)).statusCode).toBe(200);
    }
    expect(page.body).not.toMatch(/<script(?![^>]* src=)/);
  });

  test('has the description that the API gives', async () => {
    const own = await sample.server.inject('/docs/json');
    const given = await sample.server.inject({
      url: '/api/v1/openapi.json',
      headers: sample.authorization,
    });
    expect(own.json()).toEqual(given.json());
  });

  test('asks no checker on the internet', async () => {
    const script = await sample.server.inject('/docs/static/swagger-initializer.js');
    expect(script.body).toMatch(/"validatorUrl":\s*null/);
  });

  test.each(['/docs/nothing', '/docs/static/nothing.js', '/docs/static/..%2f..%2fpackage.json'])(
    '%s is a 404 as elsewhere',
    async (url) => {
      const answer = await sample.server.inject(url);
      expect(answer.statusCode).toBe(404);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    },
  );
});

describe('the rate limit', () => {
  async function ask(headers: Record<string, string>, remoteAddress = '192.0.2.1') {
    return await sample.server.inject({ url: '/api/v1/nothing', headers, remoteAddress });
  }

  test('stops an address without a token at 100 requests in 10 s, and nobody else', async () => {
    for (let n = 0; n < 100; n++) {
      expect((await ask({ authorization: `Bearer guess-${n}` })).statusCode).toBe(401);
    }
    const answer = await ask({ authorization: 'Bearer another-guess' });
    expect(answer.statusCode).toBe(429);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(10);
    expect(answer.json()).toMatchObject({
      status: 429,
      detail: expect.stringMatching(/Try again/),
    });
    expect((await ask({}, '192.0.2.2')).statusCode).toBe(401);
    expect((await ask(sample.authorization)).statusCode).toBe(404);
  });

  test('stops a token at 3000 requests in 10 s', async () => {
    for (let n = 0; n < 3000; n++) {
      expect((await ask(sample.authorization)).statusCode).toBe(404);
    }
    expect((await ask(sample.authorization)).statusCode).toBe(429);
  });
});

test('webhooks are received under any name, at any rate, without the headers for browsers', async () => {
  await sample.server.register(webhookRoutes, {
    parser: giteaWebhooks,
    secret: recordedSecret,
    names: { host: '127.0.0.1', publicUrl: undefined, allowedHosts: [] },
    deliveries: sample.store.deliveries,
    onSignature: () => {},
    receipts: sample.receipts,
    onAccepted: () => undefined,
  });
  const { headers, rawBody } = recordedDelivery('01');
  for (let n = 0; n < 200; n++) {
    const answer = await sample.server.inject({
      method: 'POST',
      url: '/webhooks/gitea',
      headers: { ...headers, host: 'any.example', origin: 'https://any.example' },
      payload: rawBody,
      remoteAddress: '192.0.2.1',
    });
    expect(answer.statusCode).toBe(202);
    expect(answer.headers).not.toHaveProperty('content-security-policy');
    expect(answer.headers).not.toHaveProperty('x-ratelimit-limit');
  }
});
