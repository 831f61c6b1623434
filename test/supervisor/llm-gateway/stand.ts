import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { LlmAccess } from '../../../src/bottles/host.ts';
import type { LlmProtocol, LlmRoute } from '../../../src/domain/agent.ts';
import { noUsage, type Usage } from '../../../src/domain/usage.ts';
import {
  createLlmGateway,
  type LlmGateway,
} from '../../../src/supervisor/llm-gateway/llm-gateway.ts';
import { llmPath } from '../../../src/supervisor/llm-gateway/llm-path.ts';
import type { ProviderLimit } from '../../../src/supervisor/llm-gateway/provider-limit.ts';

export const key = 'sk-real-0123456789abcdef';

/** US dollars per million: easy to reckon with. */
export const prices = { m: { input: 1, output: 10, cacheRead: 0.1, cacheWrite: 2 } };

export const routes = {
  anthropic: { protocol: 'anthropic-messages', auth: 'x-api-key' },
  responses: { protocol: 'openai-responses', auth: 'bearer' },
  completions: { protocol: 'openai-completions', auth: 'none' },
} as const;

export interface SeenRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** False when the connection broke. */
  readonly complete: boolean;
}

export interface StandOptions {
  readonly access?: Partial<LlmAccess>;
  /** Of every route. */
  readonly route?: Partial<LlmRoute>;
  readonly keys?: Readonly<Record<string, string>> | undefined;
  readonly timing?: { readonly connectMs: number; readonly silenceMs: number };
}

/** A gateway on a port of its own, and a model server of the test's behind it. */
export class Stand implements AsyncDisposable {
  readonly gateway: LlmGateway;
  readonly port: number;
  /** What came to the model server. */
  readonly seen: SeenRequest[] = [];
  readonly usages: Usage[] = [];
  readonly limits: ProviderLimit[] = [];
  readonly budgets: string[] = [];
  calls = 0;
  /** Clients that the gateway has seen go before their answer had its end. */
  leavers = 0;
  /** How the model server answers; the request is read already. */
  model: (response: ServerResponse, request: SeenRequest) => void = (response) =>
    sendJson(response, 200, {});
  readonly #door: Server;
  readonly #upstream: Server;

  private constructor(door: Server, upstream: Server, options: StandOptions) {
    this.#door = door;
    this.#upstream = upstream;
    this.port = portOf(door);
    const named = Object.entries(routes).map(([name, { protocol, auth }]) => [
      name,
      {
        protocol,
        auth,
        upstream: `http://127.0.0.1:${portOf(upstream)}${protocol === 'anthropic-messages' ? '' : '/v1'}`,
        prices,
        remoteTools: false,
        ...options.route,
      },
    ]);
    this.gateway = createLlmGateway({
      access: {
        routes: Object.fromEntries(named) as LlmAccess['routes'],
        spentBefore: noUsage,
        ...options.access,
      },
      onCall: () => this.calls++,
      onUsage: (usage) => this.usages.push(usage),
      onLimit: (limit) => this.limits.push(limit),
      onBudget: (reason) => this.budgets.push(reason),
      ...(options.timing === undefined ? {} : { timing: options.timing }),
    });
    const keys = 'keys' in options ? options.keys : { anthropic: key, responses: key };
    if (keys !== undefined) this.gateway.setKeys(keys);
    door.on('request', (request: IncomingMessage, response: ServerResponse) => {
      response.on('close', () => (this.leavers += response.writableEnded ? 0 : 1));
      void this.gateway.handle(request, response);
    });
    upstream.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void text(request).then((body) => {
        const { method, url, headers, rawHeaders } = request;
        const seen = { method, url, headers, rawHeaders, body };
        this.seen.push(seen);
        this.model(response, seen);
      });
    });
  }

  static async open(options: StandOptions = {}): Promise<Stand> {
    return new Stand(await listen(), await listen(), options);
  }

  get usage(): Usage | undefined {
    return this.usages.at(-1);
  }

  /** Sends what a CLI of the route would; `body` may be text that is no JSON. */
  async ask(
    target: string,
    options: { method?: string; body?: unknown; headers?: OutgoingHttpHeaders } = {},
  ): Promise<Reply> {
    const { method = 'POST', body, headers } = options;
    const outgoing = requestHttp({
      host: '127.0.0.1',
      port: this.port,
      path: `${llmPath}${target}`,
      method,
      headers: { 'content-type': 'application/json', ...headers },
      agent: false,
    });
    outgoing.end(typeof body === 'string' ? body : JSON.stringify(body));
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('error', () => {});
    await once(answer, 'close');
    return {
      status: answer.statusCode ?? 0,
      headers: answer.headers,
      body: Buffer.concat(chunks).toString(),
      complete: answer.complete,
    };
  }

  /** Sends a request and goes away as soon as the first bytes of the answer are there. */
  async askAndLeave(target: string, body: object): Promise<void> {
    const outgoing = requestHttp({
      host: '127.0.0.1',
      port: this.port,
      path: `${llmPath}${target}`,
      method: 'POST',
      agent: false,
    });
    outgoing.on('error', () => {});
    outgoing.end(JSON.stringify(body));
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    answer.on('error', () => {});
    await once(answer, 'data');
    outgoing.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway.close(0);
    for (const server of [this.#door, this.#upstream]) {
      server.close();
      server.closeAllConnections();
    }
  }
}

export async function listen(listener?: RequestListener): Promise<Server> {
  const server = createServer();
  if (listener !== undefined) server.on('request', listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

export function sendEvents(response: ServerResponse, events: readonly string[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(events.join(''));
}

export function event(data: { readonly type?: string } & Record<string, unknown>): string {
  const name = data.type === undefined ? '' : `event: ${data.type}\n`;
  return `${name}data: ${JSON.stringify(data)}\n\n`;
}

/** Paths of the request that a model answers. */
export const paths: Readonly<Record<LlmProtocol, string>> = {
  'anthropic-messages': 'anthropic/v1/messages',
  'openai-responses': 'responses/responses',
  'openai-completions': 'completions/chat/completions',
};

/** 1,000 tokens read, 200 of a cache and 100 for one; 50 written. */
export const streams: Readonly<Record<LlmProtocol, readonly string[]>> = {
  'anthropic-messages': [
    event({
      type: 'message_start',
      message: {
        usage: {
          input_tokens: 700,
          cache_read_input_tokens: 200,
          cache_creation_input_tokens: 100,
          output_tokens: 1,
        },
      },
    }),
    event({ type: 'content_block_delta', delta: { text: 'Say "usage": {"output_tokens": 9}' } }),
    event({ type: 'message_delta', usage: { output_tokens: 50 } }),
    event({ type: 'message_stop' }),
  ],
  'openai-responses': [
    event({ type: 'response.created', response: { id: 'r', usage: null, error: null } }),
    event({ type: 'response.output_text.delta', delta: '"usage":{"input_tokens":7}' }),
    event({
      type: 'response.completed',
      response: {
        id: 'r',
        usage: {
          input_tokens: 1000,
          input_tokens_details: { cached_tokens: 200 },
          output_tokens: 50,
        },
      },
    }),
  ],
  'openai-completions': [
    event({ choices: [{ delta: { content: 'data: [DONE]' } }], usage: null }),
    event({
      choices: [],
      usage: {
        prompt_tokens: 1000,
        completion_tokens: 50,
        prompt_tokens_details: { cached_tokens: 200 },
      },
    }),
    'data: [DONE]\n\n',
  ],
};
