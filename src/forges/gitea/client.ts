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

export interface GiteaClientSettings {
  /** Base of the API, e.g. `https://gitea.example/api/v1`. */
  readonly apiUrl: string;
  readonly token: string;
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
  get<T>(path: string, shape: Shape<T>): Promise<T>;
  /** The items of a paged listing, in order; the next page is asked for when the one before is used up. */
  list<T>(path: string, shape: Shape<T[]>, query?: Record<string, string>): AsyncGenerator<T, void>;
  /** Whether a GET finds something: false for 404, whatever the body of a success. */
  exists(path: string): Promise<boolean>;
  post<T>(path: string, body: object, shape: Shape<T>): Promise<T>;
  patch<T>(path: string, body: object, shape: Shape<T>): Promise<T>;
}

export type Shape<T> = z.ZodMiniType<T>;

const defaultTimeoutMs = 30_000;
/** Gitea gives at most 50 unless its administrator decided otherwise. */
const pageSize = 50;
const maxRedirects = 5;
/** These say that the same resource lives elsewhere. A 303 points to another one: it is no answer to the question. */
const followed: ReadonlySet<number> = new Set([301, 302, 307, 308]);

/** @throws ConfigError when the URL or the token cannot be used */
export function createGiteaClient(settings: GiteaClientSettings): GiteaClient {
  const base = parseApiUrl(settings.apiUrl);
  const token = checkToken(settings.token);
  const timeoutMs = settings.timeoutMs ?? defaultTimeoutMs;

  async function call(method: Method, path: string, body?: object): Promise<Answer> {
    const label = `${method} ${path}`;
    const signal = AbortSignal.timeout(timeoutMs);
    let url = new URL(base.href + path);
    for (let redirects = 0; ; redirects++) {
      const answer = await exchange(label, url, signal, method, body);
      if (answer.status < 300 || answer.status > 399) {
        return checked(label, answer, token);
      }
      const target = redirectTarget(answer, url);
      if (target === undefined || redirects === maxRedirects) {
        throw new ForgeUnavailableError(`${label}: redirected without end or aim`, answer);
      }
      if (method !== 'GET') {
        throw new ForgeMovedError(`${label}: not sent again to ${withoutQuery(target)}`, answer);
      }
      if (!followed.has(answer.status)) {
        throw new ForgeMovedError(`${label}: see ${withoutQuery(target)} instead`, answer);
      }
      if (target.origin !== url.origin) {
        const place = withoutQuery(target);
        throw new ForgeMovedError(
          `${label}: the API answers at ${place} now, and the token is not sent there: change the API's URL`,
          answer,
        );
      }
      url = target;
    }
  }

  async function exchange(
    label: string,
    url: URL,
    signal: AbortSignal,
    method: Method,
    body: object | undefined,
  ): Promise<Answer> {
    try {
      const response = await fetch(url, {
        method,
        signal,
        redirect: 'manual',
        headers: {
          accept: 'application/json',
          authorization: `token ${token}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
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
  ): Promise<{ value: T; headers: Headers }> {
    const answer = await call(method, path, body);
    return { value: read(`${method} ${path}`, answer, shape), headers: answer.headers };
  }

  return {
    host: base.host,
    get: async (path, shape) => (await request('GET', path, shape)).value,
    post: async (path, body, shape) => (await request('POST', path, shape, body)).value,
    patch: async (path, body, shape) => (await request('PATCH', path, shape, body)).value,

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
        await call('GET', path);
        return true;
      } catch (error) {
        if (error instanceof ForgeNotFoundError) {
          return false;
        }
        throw error;
      }
    },
  };
}

type Method = 'GET' | 'POST' | 'PATCH';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

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

/** A value that HTTP refuses in a header would be quoted, whole, in the error of `fetch`. */
function checkToken(token: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new ConfigError('the forge token is empty, or holds spaces or characters outside ASCII');
  }
  return token;
}

/**
 * Whether there is nothing after this page. `Link` tells where Gitea sends it, but it leads to the forge's public URL,
 * which may not be the one we use: the next page is counted, not followed. Listings without it tell the total, of which
 * some items are left out for us: a page may be short and not the last, so an empty page is the end then.
 */
function isLastPage(headers: Headers, seen: number): boolean {
  const link = headers.get('link');
  if (link !== null) {
    return !/rel="?next"?/.test(link);
  }
  const total = headers.get('x-total-count');
  return total !== null && seen >= Number(total);
}

function redirectTarget(answer: Answer, from: URL): URL | undefined {
  const location = answer.headers.get('location');
  return location !== null && URL.canParse(location, from.href)
    ? new URL(location, from)
    : undefined;
}

function withoutQuery(url: URL): string {
  return url.origin + url.pathname;
}

/** Passes a success on; everything else becomes the error that its status stands for. */
function checked(label: string, answer: Answer, token: string): Answer {
  const { status, headers } = answer;
  if (status >= 200 && status <= 299) {
    return answer;
  }
  const said = messageOf(answer)?.replaceAll(token, '[token]');
  const message = `${label}: ${[status, said].filter(Boolean).join(' ')}`;
  if (status === 413 || (said !== undefined && status < 500 && status !== 408 && status !== 429)) {
    throw new (refusalOf(status))(message, { status });
  }
  const retryAfterSeconds = parseRetryAfter(headers.get('retry-after'));
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
function messageOf(answer: Answer): string | undefined {
  const body = parseJson(answer.text);
  if (typeof body !== 'object' || body === null || !('message' in body)) {
    return undefined;
  }
  return String(body.message)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 300);
}

/** Seconds, from either of the two forms that HTTP has. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) {
    return undefined;
  }
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, Math.ceil(seconds));
}

function read<T>(label: string, answer: Answer, shape: Shape<T>): T {
  const { status } = answer;
  const body = parseJson(answer.text);
  if (body === undefined) {
    const kind = answer.headers.get('content-type') ?? 'something';
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

/** `fetch failed` says nothing; what does is in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
