import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { anthropicMessages } from './model-anthropic.ts';
import { openaiResponses } from './model-responses.ts';
import type { Failure, NextTurn, Refusal, Turn } from './model-turn.ts';
import type { ModelWire, WireAnswer, WireRequest } from './model-wire.ts';

export interface ModelServerOptions {
  /** The model: asked for each answer of a conversation, in the order of the requests. */
  readonly nextTurn: NextTurn;
  /** Requests that do not bring it, as `x-api-key` or bearer token, are refused with 401. Undefined: anything goes. */
  readonly key?: string;
  /** Called for each request before it is answered. */
  readonly onRequest?: (request: ReceivedRequest) => void;
  /** Of 127.0.0.1; any free one by default. */
  readonly port?: number;
}

export interface ReceivedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ModelServer {
  /** Without a path: what Anthropic's base URL would be. OpenAI's is this with `/v1`. */
  readonly url: string;
  /** Breaks off what it is answering. */
  close(): Promise<void>;
}

/** Beside the conversation a client may ask for a title or the like. */
const besideTheConversation: Turn = { say: 'OK.' };

/**
 * A server of language models without a model: `nextTurn` says what it answers, in the wire protocols Anthropic Messages and
 * OpenAI Responses, streamed or whole. Any path that ends in the protocol's is taken, whatever comes before.
 */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  let answers = 0;
  const server = createServer((incoming, response) => {
    // A client that has gone away needs no answer.
    response.on('error', () => undefined);
    void readBody(incoming).then(
      (body) => {
        const { method = '', url: path = '', headers } = incoming;
        options.onRequest?.({ method, path, headers, body });
        answer(options, { method, path, headers, body }, String(++answers), response);
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(
  { nextTurn, key }: ModelServerOptions,
  received: ReceivedRequest,
  id: string,
  response: ServerResponse,
): void {
  const wire = wireOf(received);
  const request = parsed(received.body);
  if (wire === undefined || request === undefined) {
    return refuse(response, { status: 404, type: 'not_found_error', message: 'Not found' });
  }
  if (key !== undefined && !brings(received.headers, key)) {
    return refuse(response, {
      status: 401,
      type: 'authentication_error',
      message: 'invalid x-api-key',
    });
  }
  const shell = wire.shellOf(request);
  const conversation = wire.read(request);
  const turn = shell === undefined ? besideTheConversation : nextTurn(conversation);
  const failure = 'fail' in turn ? turn.fail : undefined;
  if (typeof failure === 'object') {
    return refuse(response, failure);
  }
  const { say, run, tokens } = 'fail' in turn ? halfAnAnswer : turn;
  const whole: WireAnswer = {
    id,
    model: conversation.model,
    text: say ?? (run === undefined ? '' : undefined),
    call:
      run === undefined || shell === undefined
        ? undefined
        : { tool: shell.name, input: shell.input(run) },
    tokens: tokens ?? {
      input: estimate(received.body),
      output: estimate(`${say ?? ''}${run ?? ''}`),
    },
  };
  send(response, wire, request.stream === true, whole, failure);
}

const halfAnAnswer = { say: 'I begin to say something that nobody will hear the end of.' } as {
  readonly say: string;
  readonly run?: string;
  readonly tokens?: undefined;
};

function send(
  response: ServerResponse,
  wire: ModelWire,
  isStreamed: boolean,
  whole: WireAnswer,
  failure: Exclude<Failure, Refusal> | undefined,
): void {
  switch (failure) {
    case 'hang':
      return;
    case 'html':
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(
        '<!doctype html><html><body><h1>Welcome to the hotel network</h1></body></html>',
      );
      return;
    case 'broken':
    case 'cut-short':
    case undefined:
  }
  if (!isStreamed) {
    const text = JSON.stringify(wire.whole(whole));
    response.writeHead(200, { 'content-type': 'application/json' });
    if (failure === undefined) {
      response.end(text);
    } else {
      response.write(text.slice(0, text.length / 2), () => breakOff(response, failure));
    }
    return;
  }
  const events = wire.events(whole);
  const sent = failure === undefined ? events : events.slice(0, events.length / 2);
  const text = sent.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  // One write each, as they come from a model.
  for (const event of text.slice(0, -1)) {
    response.write(event);
  }
  response.write(text.at(-1) ?? '', () => breakOff(response, failure));
}

function breakOff(response: ServerResponse, failure: 'broken' | 'cut-short' | undefined): void {
  if (failure === 'broken') {
    response.socket?.resetAndDestroy();
  } else {
    response.end();
  }
}

function refuse(
  response: ServerResponse,
  { status, type, message, headers, fields }: Refusal,
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ type: 'error', error: { type, message, ...fields } }));
}

function wireOf({ method, path }: ReceivedRequest): ModelWire | undefined {
  const { pathname } = new URL(path, 'http://localhost');
  if (method !== 'POST') {
    return undefined;
  }
  if (pathname.endsWith('/v1/messages')) {
    return anthropicMessages;
  }
  return pathname.endsWith('/responses') ? openaiResponses : undefined;
}

function parsed(body: string): WireRequest | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function brings(headers: IncomingHttpHeaders, key: string): boolean {
  return headers['x-api-key'] === key || headers.authorization === `Bearer ${key}`;
}

/** About four bytes of English are a token. */
function estimate(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / 4));
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
