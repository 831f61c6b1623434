import type { Problem } from '../api/problem.ts';
import type { DeliveryView } from '../api/views/delivery.ts';
import type { IssueDetailView, IssueView } from '../api/views/issue.ts';
import type { OperationView } from '../api/views/operation.ts';
import type { RunView } from '../api/views/run.ts';
import type { CreatedTokenView, TokenView } from '../api/views/token.ts';
import type { TokenScope } from '../domain/api-token.ts';
import type { WebhookReceiptView } from '../api/views/webhook-receipt.ts';
import { fetchFailure } from '../domain/fetch-failure.ts';
import type { Phase } from '../domain/run.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { IssueName } from './issue-name.ts';

/** A log that is not followed, and everything else, must answer within this time. */
const patienceMs = 30_000;

export interface ApiAccess {
  /** Base address, without a slash at its end. */
  readonly url: string;
  readonly token: string;
  /** Where the token came from, for the message when it is refused. */
  readonly tokenSource: string;
}

interface Page {
  readonly nextCursor?: string | null;
  readonly [key: string]: unknown;
}

/** The orchestrator's API. Every failure is a `CliError` whose message says what to do. */
export class ApiClient {
  readonly #access: ApiAccess;

  constructor(access: ApiAccess) {
    this.#access = access;
  }

  async issues(): Promise<{ issues: IssueView[] }> {
    return { issues: await this.#all('/issues', 'issues') };
  }

  issue(name: IssueName): Promise<IssueDetailView> {
    return this.#json(pathOf(name));
  }

  async runs(name: IssueName): Promise<{ runs: RunView[] }> {
    return { runs: await this.#all(`${pathOf(name)}/runs`, 'runs') };
  }

  async operations(name: IssueName): Promise<{ operations: OperationView[] }> {
    return { operations: await this.#all(`${pathOf(name)}/operations`, 'operations') };
  }

  tokens(): Promise<{ tokens: TokenView[] }> {
    return this.#json('/tokens');
  }

  createToken(token: {
    readonly name: string;
    readonly scope: TokenScope;
    readonly expiresInSeconds?: number;
  }): Promise<CreatedTokenView> {
    return this.#json('/tokens', post(token));
  }

  async revokeToken(name: string): Promise<void> {
    await this.#fetch(`/tokens/${encodeURIComponent(name)}`, { ...patience(), method: 'DELETE' });
  }

  /** The newest first. */
  deliveries(limit: number): Promise<{ deliveries: DeliveryView[] }> {
    return this.#json(`/deliveries?limit=${limit}`);
  }

  /** Of the last webhook requests, the newest first. @param test only those of this test */
  webhookReceipts(test?: string): Promise<{ receipts: WebhookReceiptView[] }> {
    const query = test === undefined ? '' : `?test=${encodeURIComponent(test)}`;
    return this.#json(`/webhook-receipts${query}`);
  }

  command(name: IssueName, command: string, body: object): Promise<{ phase: Phase }> {
    return this.#json(`${pathOf(name)}/${command}`, post(body));
  }

  /** A run's output as it comes. With `follow`, it ends when the run does. */
  async *log(
    name: IssueName,
    run: number | undefined,
    follow: boolean,
  ): AsyncGenerator<Uint8Array> {
    const path = `${pathOf(name)}/runs/${run ?? 'latest'}/log?follow=${follow}`;
    const response = await this.#fetch(path, follow ? {} : patience());
    if (response.body === null) {
      return;
    }
    try {
      yield* response.body;
    } catch (error) {
      throw new CliError(
        exitCodes.unreachable,
        `The connection to the orchestrator broke off (${reasonOf(error)}). What runs keeps running: try again.`,
      );
    }
  }

  /** All pages of a list, whose entries are in the field `key`. */
  async #all<Entry>(path: string, key: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    let cursor: string | undefined;
    do {
      const from: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page: Page = await this.#json(`${path}?limit=1000${from}`);
      if (!Array.isArray(page[key])) {
        throw this.#stranger(200);
      }
      entries.push(...(page[key] as Entry[]));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return entries;
  }

  async #json<T>(path: string, request: RequestInit = {}): Promise<T> {
    const response = await this.#fetch(path, { ...patience(), ...request });
    try {
      return (await response.json()) as T;
    } catch {
      throw this.#stranger(response.status);
    }
  }

  async #fetch(path: string, request: RequestInit): Promise<Response> {
    const { url, token } = this.#access;
    const headers = new Headers(request.headers);
    headers.set('authorization', `Bearer ${token}`);
    let response: Response;
    try {
      // A redirect would carry the token to another place.
      response = await fetch(`${url}/api/v1${path}`, { ...request, headers, redirect: 'manual' });
    } catch (error) {
      throw new CliError(
        exitCodes.unreachable,
        `No orchestrator answers at ${url} (${reasonOf(error)}). Start it with \`orchestrator run\`, or say where it is with --url or ORCHESTRATOR_URL.`,
      );
    }
    if (!response.ok) {
      throw await this.#refusal(response);
    }
    return response;
  }

  async #refusal(response: Response): Promise<CliError> {
    const problem = await readProblem(response);
    if (problem === undefined) {
      return this.#stranger(response.status);
    }
    const detail = [
      problem.detail ?? problem.title,
      ...(problem.errors ?? []).map(({ at, message }) => `${at}: ${message}`),
    ].join('\n');
    switch (problem.status) {
      case 401:
        return new CliError(
          exitCodes.error,
          `The orchestrator at ${this.#access.url} refuses the token from ${this.#access.tokenSource}. Take the one in the file api-token in its data directory, or one that \`orchestrator token create\` makes there, with --token-file, ORCHESTRATOR_TOKEN_FILE or ORCHESTRATOR_TOKEN.`,
        );
      case 404:
        return new CliError(exitCodes.notFound, detail);
      case 503:
        return new CliError(exitCodes.unreachable, detail);
      case 500:
        return new CliError(
          exitCodes.error,
          `The orchestrator failed. Its log tells why, at request ${problem.requestId}.`,
        );
      default:
        return new CliError(exitCodes.error, detail);
    }
  }

  #stranger(status: number): CliError {
    return new CliError(
      exitCodes.error,
      `What answers at ${this.#access.url} (status ${status}) is not the orchestrator's API. Check --url, ORCHESTRATOR_URL, and a proxy in between.`,
    );
  }
}

function pathOf({ owner, repository, number }: IssueName): string {
  return `/issues/${encodeURIComponent(owner)}/${encodeURIComponent(repository)}/${number}`;
}

function post(body: object): RequestInit {
  return {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  };
}

function patience(): RequestInit {
  return { signal: AbortSignal.timeout(patienceMs) };
}

async function readProblem(response: Response): Promise<Problem | undefined> {
  if (response.headers.get('content-type')?.startsWith('application/problem+json')) {
    return (await response.json().catch(() => undefined)) as Problem | undefined;
  }
  return undefined;
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `no answer within ${patienceMs / 1000} s`;
  }
  const { code = '', message } = fetchFailure(error);
  return reasons.get(code) ?? message;
}

const reasons = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ENOTFOUND', 'unknown host'],
]);
