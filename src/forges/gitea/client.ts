import type * as z from 'zod/mini';
import {
  ConfigError,
  ForgeDeniedError,
  type ForgeError,
  ForgeMovedError,
  ForgeNotFoundError,
  ForgeRefusedError,
  ForgeUnavailableError,
} from '../../domain/errors.ts';
import { exchange, type HttpAnswer, type HttpRequest } from './exchange.ts';

export interface GiteaClientSettings {
  /** Base of the API, e.g. `https://gitea.example/api/v1`. */
  readonly apiUrl: string;
  /** Or an account's own name and password, which alone may make tokens. */
  readonly token: string | { readonly login: string; readonly password: string };
  /** For a whole call, redirects and body included. Default: 30,000. */
  readonly timeoutMs?: number;
}

/**
 * Gitea's API over HTTP: one call, one request (and its redirects), no retry. Errors are those of `domain/errors`,
 * begin with the method and the path, and never hold the token.
 */
export interface GiteaClient {
  /** Host and port of the API. */
  readonly host: string;
  /** How many were sent so far, redirects included. */
  readonly requests: number;
  get<T>(path: string, shape: Shape<T>): Promise<T>;
  /** The items of a paged listing, in order; the next page is asked for when the one before is used up. */
  list<T>(path: string, shape: Shape<T[]>, query?: Record<string, string>): AsyncGenerator<T, void>;
  /** The answer to a question that Gitea answers by status alone: true for 204, false for 404. */
  exists(path: string): Promise<boolean>;
  post<T>(path: string, body: object, shape: Shape<T>): Promise<T>;
  patch<T>(path: string, body: object, shape: Shape<T>): Promise<T>;
  /** A request whose answer tells nothing but that it was done. */
  command(method: Method, path: string, body?: object): Promise<void>;
  /** As `get`, and the time by the forge's clock, unless a proxy has taken that away. */
  getDated<T>(path: string, shape: Shape<T>): Promise<{ value: T; date: Date | undefined }>;
}

type Shape<T> = z.ZodMiniType<T>;

const defaultTimeoutMs = 30_000;
/** Gitea gives at most 50 unless its administrator decided otherwise. */
const pageSize = 50;
const maxRedirects = 5;
/** These say that the same resource lives elsewhere. A 303 points to another one: it is no answer to the question. */
const followed: ReadonlySet<number> = new Set([301, 302, 307, 308]);

/** @throws ConfigError when the URL or the token cannot be used */
export function createGiteaClient(settings: GiteaClientSettings): GiteaClient {
  const base = parseApiUrl(settings.apiUrl);
  const { authorization, secret } = credentials(settings.token);
  const timeoutMs = settings.timeoutMs ?? defaultTimeoutMs;
  let requests = 0;

  async function call(method: Method, path: string, body?: object): Promise<HttpAnswer> {
    const label = `${method} ${path}`;
    const signal = AbortSignal.timeout(timeoutMs);
    let url = new URL(base.href + path);
    for (let redirects = 0; ; redirects++) {
      const answer = await send(label, url, signal, method, body);
      const { status } = answer;
      if (status < 300 || status > 399) {
        return checked(label, answer, secret);
      }
      const target = redirectTarget(answer, url);
      if (target === undefined || redirects === maxRedirects) {
        throw new ForgeUnavailableError(`${label}: redirected without end or aim`, { status });
      }
      if (method !== 'GET') {
        throw new ForgeMovedError(`${label}: not sent again to ${withoutQuery(target)}`, {
          status,
        });
      }
      if (!followed.has(status)) {
        throw new ForgeMovedError(`${label}: see ${withoutQuery(target)} instead`, { status });
      }
      if (target.origin !== url.origin) {
        const place = withoutQuery(target);
        throw new ForgeMovedError(
          `${label}: the API answers at ${place} now, and the token is not sent there: change the API's URL`,
          { status },
        );
      }
      url = target;
    }
  }

  async function send(
    label: string,
    url: URL,
    signal: AbortSignal,
    method: Method,
    body: object | undefined,
  ): Promise<HttpAnswer> {
    const headers = { accept: 'application/json', authorization };
    const request = body
      ? {
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }
      : { headers };
    requests++;
    try {
      return await exchange(url, { method, signal, ...request });
    } catch (cause) {
      const problem = signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(cause);
      throw new ForgeUnavailableError(`${label}: ${problem}`, { cause });
    }
  }

  async function request<T>(
    method: Method,
    path: string,
    shape: Shape<T>,
    body?: object,
  ): Promise<{ value: T; headers: HttpAnswer['headers'] }> {
    const answer = await call(method, path, body);
    return { value: read(`${method} ${path}`, answer, shape), headers: answer.headers };
  }

  return {
    host: base.host,
    get requests() {
      return requests;
    },
    get: async (path, shape) => (await request('GET', path, shape)).value,
    post: async (path, body, shape) => (await request('POST', path, shape, body)).value,
    patch: async (path, body, shape) => (await request('PATCH', path, shape, body)).value,
    command: async (method, path, body) => void (await call(method, path, body)),
    async getDated(path, shape) {
      const { value, headers } = await request('GET', path, shape);
      const date = new Date(headers.date ?? '');
      return { value, date: Number.isNaN(date.getTime()) ? undefined : date };
    },

    async *list(path, shape, query = {}) {
      let seen = 0;
      for (let page = 1; ; page++) {
        const search = new URLSearchParams({
          ...query,
          page: String(page),
          limit: String(pageSize),
        });
        const { value, headers } = await request('GET', `${path}?${search.toString()}`, shape);
        yield* value;
        seen += value.length;
        if (value.length === 0 || isLastPage(headers, seen)) {
          return;
        }
      }
    },

    async exists(path) {
      try {
        const { status } = await call('GET', path);
        if (status === 204) {
          return true;
        }
        throw new ForgeUnavailableError(`GET ${path}: ${status} is no answer to this`, { status });
      } catch (error) {
        if (error instanceof ForgeNotFoundError) {
          return false;
        }
        throw error;
      }
    },
  };
}

type Method = HttpRequest['method'];

function parseApiUrl(apiUrl: string): { href: string; host: string } {
  const url = URL.canParse(apiUrl) ? new URL(apiUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(
      "the forge's API needs an http(s) URL such as https://gitea.example/api/v1",
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new ConfigError(
      "the URL of the forge's API may not hold credentials: the token is a setting of its own",
    );
  }
  return { href: (url.origin + url.pathname).replace(/\/+$/, ''), host: url.host };
}

/** Checked here, where the setting is known; HTTP would refuse the header at every call. */
function credentials(token: GiteaClientSettings['token']): {
  authorization: string;
  secret: string;
} {
  if (typeof token === 'object') {
    const pair = Buffer.from(`${token.login}:${token.password}`).toString('base64');
    return { authorization: `Basic ${pair}`, secret: token.password };
  }
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigError('the forge token is empty, or holds spaces or characters outside ASCII');
  }
  return { authorization: `token ${token}`, secret: token };
}

/**
 * Whether there is nothing after this page. `Link` tells where Gitea sends it, but it leads to the forge's public URL,
 * which may not be the one we use: the next page is counted, not followed. Listings without it tell the total, of which
 * some items are left out for us: a page may be short and not the last, so an empty page is the end then.
 */
function isLastPage(headers: HttpAnswer['headers'], seen: number): boolean {
  if (headers.link !== undefined) {
    return !/rel="?next"?/.test(String(headers.link));
  }
  const total = headers['x-total-count'];
  return total !== undefined && seen >= Number(total);
}

function redirectTarget(answer: HttpAnswer, from: URL): URL | undefined {
  const { location } = answer.headers;
  return location !== undefined && URL.canParse(location, from.href)
    ? new URL(location, from)
    : undefined;
}

function withoutQuery(url: URL): string {
  return url.origin + url.pathname;
}

/** Passes a success on; everything else becomes the error that its status stands for. */
function checked(label: string, answer: HttpAnswer, secret: string): HttpAnswer {
  const { status, headers } = answer;
  if (status >= 200 && status <= 299) {
    return answer;
  }
  const said = messageOf(answer)?.replaceAll(secret, '[token]').slice(0, 300);
  const message = `${label}: ${[status, said].filter(Boolean).join(' ')}`;
  if (status === 413 || (said !== undefined && status < 500 && status !== 408 && status !== 429)) {
    throw new (refusalOf(status))(message, { status });
  }
  const retryAfterSeconds = parseRetryAfter(headers['retry-after']);
  throw new ForgeUnavailableError(
    // Gitea answers its refusals in JSON: a bare or HTML one is of a proxy that cannot reach it
    said === undefined && status < 500 ? `${message} (not an answer of Gitea's API)` : message,
    { status, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) },
  );
}

function refusalOf(
  status: number,
): new (message: string, options: { status: number }) => ForgeError {
  switch (status) {
    case 401:
    case 403:
      return ForgeDeniedError;
    case 404:
      return ForgeNotFoundError;
    default:
      return ForgeRefusedError;
  }
}

/** What Gitea says of an error, as one short line; undefined when the answer is not Gitea's. */
function messageOf(answer: HttpAnswer): string | undefined {
  const body = parseJson(answer.text);
  if (typeof body !== 'object' || body === null || !('message' in body)) {
    return undefined;
  }
  return String(body.message)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
}

/** Seconds, from either of the two forms that HTTP has. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}

function read<T>(label: string, answer: HttpAnswer, shape: Shape<T>): T {
  const { status } = answer;
  const body = parseJson(answer.text);
  if (body === undefined) {
    const kind = answer.headers['content-type'] ?? 'something';
    throw new ForgeUnavailableError(`${label}: answered ${kind} that is not whole JSON`, {
      status,
    });
  }
  const parsed = shape.safeParse(body);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.');
    throw new ForgeUnavailableError(`${label}: answered JSON of another form, see "${field}"`, {
      status,
    });
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Of several addresses that all refuse, the error as a whole has a code and no message. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || (code ?? 'no connection');
}
