import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import {
  ConfigError,
  ForgeDeniedError,
  ForgeMovedError,
  ForgeNotFoundError,
  ForgeRefusedError,
  ForgeUnavailableError,
} from '../../../src/domain/errors.ts';
import { createGiteaClient } from '../../../src/forges/gitea/client.ts';
import { type StandIn, startStandIn } from './stand-in.ts';

const token = 'c0ffee-secret-token';
const userShape = z.object({ login: z.string() });
const numbersShape = z.array(z.number());

const standIns: StandIn[] = [];
afterEach(async () => {
  await Promise.all(standIns.splice(0).map((standIn) => standIn.stop()));
});

async function standIn(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<StandIn> {
  const started = await startStandIn(answer);
  standIns.push(started);
  return started;
}

async function clientOf(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  timeoutMs = 5_000,
) {
  const { apiUrl, requests } = await standIn(answer);
  return { client: createGiteaClient({ apiUrl, token, timeoutMs }), requests };
}

function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) {
    collected.push(item);
  }
  return collected;
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not reject');
}

describe('what the client sends', () => {
  test('the token as a header, the body as JSON', async () => {
    const seen: (string | undefined)[] = [];
    const { client, requests } = await clientOf((request, response) => {
      seen.push(request.headers.authorization, request.headers['content-type']);
      json(response, 201, { login: 'bot' });
    });

    expect(await client.post('/user', { a: 1 }, userShape)).toEqual({ login: 'bot' });

    expect(seen).toEqual([`token ${token}`, 'application/json']);
    expect(requests).toEqual(['POST /api/v1/user']);
  });

  test.each([
    ['', 'https'],
    ['gitea.example/api/v1', 'https'],
    ['ftp://gitea.example', 'https'],
    ['https://bot:hunter2@gitea.example/api/v1', 'credentials'],
  ])('nothing to the unusable URL "%s"', (apiUrl, hint) => {
    const make = (): unknown => createGiteaClient({ apiUrl, token });

    expect(make).toThrow(ConfigError);
    expect(make).toThrow(hint);
    expect(make).not.toThrow('hunter2');
  });

  test.each(['', 'two words', 'line\nbreak', 'ümlaut'])(
    'nothing with the unusable token "%s", which the error does not tell',
    (unusable) => {
      const make = (): unknown =>
        createGiteaClient({ apiUrl: 'https://gitea.example', token: unusable });

      expect(make).toThrow(ConfigError);
      if (unusable !== '') {
        expect(make).not.toThrow(unusable);
      }
    },
  );
});

describe('an error answer', () => {
  test.each([
    [400, ForgeRefusedError],
    [401, ForgeDeniedError],
    [403, ForgeDeniedError],
    [404, ForgeNotFoundError],
    [405, ForgeRefusedError],
    [408, ForgeUnavailableError],
    [409, ForgeRefusedError],
    [412, ForgeRefusedError],
    [422, ForgeRefusedError],
    [423, ForgeRefusedError],
    [429, ForgeUnavailableError],
    [500, ForgeUnavailableError],
    [502, ForgeUnavailableError],
    [503, ForgeUnavailableError],
  ])('%i is a %o with the request and what the forge says', async (status, expected) => {
    const { client, requests } = await clientOf((_request, response) =>
      json(response, status, { message: 'because\nof this', url: 'x' }),
    );

    const error = await rejection(client.post('/repos/a/b/pulls', {}, userShape));

    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject({ status });
    expect(error.message).toBe(`POST /repos/a/b/pulls: ${status} because of this`);
    expect(requests).toHaveLength(1);
  });

  test('an empty message, as Gitea gives with 500, is no worse', async () => {
    const { client } = await clientOf((_request, response) =>
      json(response, 500, { message: '', url: 'x' }),
    );

    expect((await rejection(client.get('/user', userShape))).message).toBe('GET /user: 500');
  });

  test.each([
    ['7', 7],
    [new Date(Date.now() + 90_000).toUTCString(), 90],
    [new Date(Date.now() - 90_000).toUTCString(), 0],
    ['soon', undefined],
  ])('429 with Retry-After %s', async (header, expected) => {
    const { client, requests } = await clientOf((_request, response) =>
      json(response, 429, { message: 'slow down' }, { 'retry-after': header }),
    );

    const error = await rejection(client.get('/user', userShape));

    expect(error).toBeInstanceOf(ForgeUnavailableError);
    const { retryAfterSeconds } = error as ForgeUnavailableError;
    if (expected === undefined) {
      expect(retryAfterSeconds).toBeUndefined();
    } else {
      expect(Math.abs((retryAfterSeconds ?? Number.NaN) - expected)).toBeLessThanOrEqual(2);
    }
    expect(requests).toHaveLength(1);
  });

  test.each([
    [401, 'text/html', '<html>log in</html>'],
    [404, 'text/plain', '404 page not found'],
    [404, 'application/json', '{"error":"no such backend"}'],
    [502, 'text/html', '<html>bad gateway</html>'],
  ])('%i of a proxy (%s) is passing: the forge did not say so', async (status, type, body) => {
    const { client } = await clientOf((_request, response) =>
      response.writeHead(status, { 'content-type': type }).end(body),
    );

    const error = await rejection(client.exists('/orgs/o/members/m'));

    expect(error).toBeInstanceOf(ForgeUnavailableError);
    expect(error.message).not.toContain('<html>');
  });

  test('413 of a proxy is a refusal: the same body will never fit', async () => {
    const { client } = await clientOf((_request, response) =>
      response.writeHead(413, { 'content-type': 'text/html' }).end('<html>too large</html>'),
    );

    await expect(client.post('/x', {}, userShape)).rejects.toThrow(ForgeRefusedError);
  });

  test('a forge that echoes the token does not bring it into the error', async () => {
    const { client } = await clientOf((request, response) =>
      json(response, 422, { message: `bad header: ${request.headers.authorization}` }),
    );

    const error = await rejection(client.get('/user', userShape));

    expect(error.message).toBe('GET /user: 422 bad header: token [token]');

    const { client: long } = await clientOf((request, response) =>
      json(response, 422, { message: 'x'.repeat(290) + request.headers.authorization }),
    );
    const cut = await rejection(long.get('/user', userShape));
    expect(cut.message).not.toContain(token.slice(0, 4));
  });
});

describe('a question answered by status alone', () => {
  test('is answered by 204 and 404', async () => {
    const { client } = await clientOf((request, response) =>
      request.url?.endsWith('/alice')
        ? response.writeHead(204).end()
        : json(response, 404, { message: 'not found' }),
    );

    expect(await client.exists('/orgs/o/members/alice')).toBe(true);
    expect(await client.exists('/orgs/o/members/mallory')).toBe(false);
  });

  test('is not answered by a page that a proxy shows to everybody', async () => {
    const { client } = await clientOf((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>welcome</html>'),
    );

    await expect(client.exists('/orgs/o/members/mallory')).rejects.toThrow(ForgeUnavailableError);
  });
});

describe('no usable answer is passing', () => {
  test('none within the time-out', async () => {
    const { client } = await clientOf(() => {}, 100);

    const error = await rejection(client.get('/user', userShape));

    expect(error).toBeInstanceOf(ForgeUnavailableError);
    expect(error.message).toBe('GET /user: no answer within 100 ms');
  });

  test('one that begins and does not end within the time-out', async () => {
    const { client } = await clientOf((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"login":');
    }, 100);

    await expect(client.get('/user', userShape)).rejects.toThrow('no answer within 100 ms');
  });

  test('one whose redirects together take longer than the time-out', async () => {
    const { client } = await clientOf((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: '/api/v1/user' }).end(), 60);
    }, 150);

    await expect(client.get('/user', userShape)).rejects.toThrow('no answer within 150 ms');
  });

  test('nobody listens', async () => {
    const gone = await startStandIn(() => {});
    await gone.stop();
    const client = createGiteaClient({ apiUrl: gone.apiUrl, token });

    const error = await rejection(client.get('/user', userShape));

    expect(error).toBeInstanceOf(ForgeUnavailableError);
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('the connection is cut', async () => {
    const { client, requests } = await clientOf((request) => request.socket.destroy());

    await expect(client.post('/x', {}, userShape)).rejects.toThrow(ForgeUnavailableError);
    expect(requests).toHaveLength(1);
  });

  test.each([
    ['an HTML page', 'text/html', '<html>hello</html>'],
    ['truncated JSON', 'application/json', '{"login":"bo'],
    ['an empty body', 'application/json', ''],
    ['JSON of another form', 'application/json', '{"name":"bot"}'],
  ])('200 with %s', async (_what, type, body) => {
    const { client } = await clientOf((_request, response) =>
      response.writeHead(200, { 'content-type': type }).end(body),
    );

    await expect(client.get('/user', userShape)).rejects.toThrow(ForgeUnavailableError);
  });

  test('a redirect that never ends', async () => {
    const { client, requests } = await clientOf((_request, response) =>
      response.writeHead(302, { location: '/api/v1/user' }).end(),
    );

    await expect(client.get('/user', userShape)).rejects.toThrow(ForgeUnavailableError);
    expect(requests).toHaveLength(6);
  });
});

describe('a redirect', () => {
  test.each([301, 302, 307, 308])('%i of a read is followed on the same host', async (status) => {
    const { client, requests } = await clientOf((request, response) =>
      request.url === '/api/v1/new'
        ? json(response, 200, { login: request.headers.authorization })
        : response.writeHead(status, { location: '/api/v1/new' }).end(),
    );

    expect(await client.get('/old', userShape)).toEqual({ login: `token ${token}` });
    expect(requests).toEqual(['GET /api/v1/old', 'GET /api/v1/new']);
  });

  test('303 of a read is not: it leads to another thing', async () => {
    const { client, requests } = await clientOf((_request, response) =>
      response.writeHead(303, { location: '/api/v1/orgs/o/public_members/m' }).end(),
    );

    const error = await rejection(client.exists('/orgs/o/members/m'));

    expect(error).toBeInstanceOf(ForgeMovedError);
    expect(error).toMatchObject({ status: 303 });
    expect(requests).toHaveLength(1);
  });

  test.each([301, 302, 303, 307, 308])('%i of a write is never sent again', async (status) => {
    const { client, requests } = await clientOf((_request, response) =>
      response.writeHead(status, { location: '/api/v1/new' }).end(),
    );

    await expect(client.post('/old', { body: 'once' }, userShape)).rejects.toThrow(ForgeMovedError);
    await expect(client.patch('/old', { body: 'once' }, userShape)).rejects.toThrow(
      ForgeMovedError,
    );
    expect(requests).toEqual(['POST /api/v1/old', 'PATCH /api/v1/old']);
  });

  test('to another host does not take the token there', async () => {
    const other = await standIn((_request, response) => json(response, 200, { login: 'bot' }));
    const { client } = await clientOf((_request, response) =>
      response.writeHead(301, { location: `${other.apiUrl}/user?secret=1` }).end(),
    );

    const error = await rejection(client.get('/user', userShape));

    expect(error).toBeInstanceOf(ForgeMovedError);
    expect(error.message).toContain(`${other.apiUrl}/user now`);
    expect(error.message).not.toContain('secret');
    expect(other.requests).toEqual([]);
  });
});

describe('a listing', () => {
  /** Items 1 … total in pages, as Gitea gives them. */
  function paged(
    total: number,
    pageSize: number,
    style: { link?: boolean; hidden?: ReadonlySet<number> } = {},
  ) {
    return clientOf((request, response) => {
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page'));
      const items = Array.from({ length: total }, (_, index) => index + 1)
        .slice((page - 1) * pageSize, page * pageSize)
        .filter((item) => !style.hidden?.has(item));
      const more = page * pageSize < total;
      const link = `${more ? '<http://public.example/?page=9>; rel="next",' : ''}<http://public.example/>; rel="first"`;
      json(response, 200, items, {
        'x-total-count': String(total),
        ...(style.link && { link }),
      });
    });
  }

  test.each([
    ['nothing', 0, 50, 1],
    ['less than a page', 49, 50, 1],
    ['a page exactly', 50, 50, 1],
    ['more than a page', 51, 50, 2],
    ['pages smaller than asked for', 51, 10, 6],
  ])('of %s is read to the end, and no further', async (_what, total, pageSize, expected) => {
    for (const link of [true, false]) {
      const { client, requests } = await paged(total, pageSize, { link });

      const items = await collect(client.list('/items', numbersShape));

      expect(items).toEqual(Array.from({ length: total }, (_, index) => index + 1));
      expect(requests).toHaveLength(expected);
    }
  });

  test('whose items are partly hidden from us is read to the end', async () => {
    const hidden = new Set([3, 7, 51]);
    const { client } = await paged(52, 50, { hidden });

    const items = await collect(client.list('/items', numbersShape));

    expect(items).toHaveLength(49);
    expect(items.at(-1)).toBe(52);
  });

  test('stays on the host we know, whatever its links say, and keeps the query', async () => {
    const { client, requests } = await paged(3, 2, { link: true });

    await collect(client.list('/items', numbersShape, { state: 'all' }));

    expect(requests).toEqual([
      'GET /api/v1/items?state=all&page=1&limit=50',
      'GET /api/v1/items?state=all&page=2&limit=50',
    ]);
  });

  test('asks for no page that nobody reads', async () => {
    const { client, requests } = await paged(100, 10);

    for await (const item of client.list('/items', numbersShape)) {
      if (item === 3) {
        break;
      }
    }

    expect(requests).toHaveLength(1);
  });
});
