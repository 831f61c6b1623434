import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { LlmAccess } from '../../bottles/host.ts';
import type { LlmRoute } from '../../domain/agent.ts';
import type { Usage } from '../../domain/usage.ts';
import { createYoungCollector } from '../young-garbage.ts';
import { type ReadAnswer, readWholeAnswer, StreamUsage } from './answer-usage.ts';
import { type CallTarget, type Endpoint, findEndpoint, parseTarget } from './endpoints.ts';
import { clientHeaders, upstreamHeaders } from './headers.ts';
import { parseAnswer } from './json-parts.ts';
import { KeyFilter, withoutKey } from './key-filter.ts';
import { Meter } from './meter.ts';
import { findProviderLimit, isQuotaCode, type ProviderLimit } from './provider-limit.ts';
import { redacted } from './redacted.ts';
import { errorEvent, Refusal, sendRefusal } from './refusal.ts';
import { readWhole, relay } from './relay.ts';
import { findRemoteUse } from './remote-use.ts';
import { isObject, type JsonObject, readRequestBody } from './request-body.ts';
import { Slots } from './slots.ts';
import { Upstream, type UpstreamTiming } from './upstream.ts';

export interface LlmGatewayOptions {
  readonly access: LlmAccess;
  /** Called for every request, and while a model's answer streams: a check-in. */
  readonly onCall: () => void;
  /** What the run has used until now; called after each answer of a model. */
  readonly onUsage: (usage: Usage) => void;
  /** A provider takes no more requests for now. The client was told, in a way that makes it give up where it can be known. */
  readonly onLimit: (limit: ProviderLimit) => void;
  /** A request was refused since a budget is spent. */
  readonly onBudget: (reason: string) => void;
  readonly timing?: UpstreamTiming;
}

/**
 * The bottle's way to language models, on `/llm/<route>/…`: speaks to the route's model server with the real key, lets
 * nothing but the protocol's own requests through, and meters the answers.
 */
export interface LlmGateway {
  /** Serves what lies below `llmPath`. Never rejects; resolves when all is metered, which may be after the client has gone. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Replaces the keys, by the route's name. Until the first call routes that need one are unavailable. */
  setKeys(keys: Readonly<Record<string, string>>): void;
  /** Waits for answers that are under way, breaks off what takes longer, and says what was used in all. */
  close(graceMs: number): Promise<Usage>;
}

const maxInFlight = 4;
const maxWaiting = 32;
const maxJsonBytes = 16 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
/** For what was broken off to be counted. */
const breakOffMs = 1_000;
const defaultTiming: UpstreamTiming = { connectMs: 10_000, silenceMs: 600_000 };

/** A request that was found to be one of the route's protocol. */
interface Call {
  readonly target: CallTarget;
  readonly route: LlmRoute;
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly key: string | undefined;
}

export function createLlmGateway(options: LlmGatewayOptions): LlmGateway {
  const { access, onCall } = options;
  const meter = new Meter(access);
  const slots = new Slots(maxInFlight, maxWaiting);
  const upstream = new Upstream(options.timing ?? defaultTiming);
  const collect = createYoungCollector();
  const underWay = new Set<Promise<void>>();
  let keys: Readonly<Record<string, string>> | undefined;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    onCall();
    // A client that is gone is seen at its `close`.
    response.on('error', () => {});
    const answering = answer(request, response).catch((error: unknown) => {
      refuse(response, error);
    });
    underWay.add(answering);
    await answering;
    underWay.delete(answering);
    request.resume();
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { target, route, endpoint } = locate(request);
    using _slot = await slots.enter();
    const { model, body } =
      request.method === 'GET' ? noBody : await takeBody(request, target.route, route);
    if (response.destroyed) return;
    const key = keyOf(target.route, route);
    const call = { target, route, endpoint, model, key };
    if (endpoint.generates) checkBudget(call);
    const incoming = await upstream.send({
      url: `${route.upstream}${target.path}${target.query}`,
      method: endpoint.method,
      headers: upstreamHeaders(request.headers, route.auth, key),
      body,
    });
    const { statusCode: status = 0, headers } = incoming;
    const type = headers['content-type'] ?? '';
    if (status < 200 || status > 299) {
      await passError(incoming, response, key);
    } else if (type.startsWith('text/event-stream')) {
      await passStream(incoming, response, call);
    } else if (/^application\/(\w+\+)?json\b/.test(type)) {
      await passJson(incoming, response, call);
    } else {
      incoming.destroy();
      throw noModelServer(`answered ${status} with ${type || 'no content type'}`);
    }
  }

  /** @throws Refusal when the request is none that the gateway lets through */
  function locate(request: IncomingMessage): Pick<Call, 'target' | 'route' | 'endpoint'> {
    const target = parseTarget(request.url ?? '');
    const name = target?.route ?? '';
    const route = Object.hasOwn(access.routes, name) ? access.routes[name] : undefined;
    if (target === undefined || route === undefined) {
      const names = Object.keys(access.routes).join(', ') || 'none';
      throw new Refusal(404, `there is no such model route here; this bottle has: ${names}`);
    }
    const found = findEndpoint(route.protocol, request.method, target.path);
    if (found === undefined) {
      throw new Refusal(
        403,
        `the model route ${name} does not let this method and path through: it speaks ${route.protocol} only`,
      );
    }
    return { target: { ...target, path: found.path }, route, endpoint: found.endpoint };
  }

  function keyOf(name: string, route: LlmRoute): string | undefined {
    if (route.auth === 'none') return undefined;
    const key = keys !== undefined && Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (key === undefined) {
      throw new Refusal(
        503,
        keys === undefined
          ? `the key of the model route ${name} is not here yet: try again in a few seconds`
          : `the model route ${name} has no key: whoever runs the orchestrator has to give it one`,
      );
    }
    return key;
  }

  function checkBudget({ route, model }: Call): void {
    const spent = meter.exhausted;
    if (spent !== undefined) options.onBudget(spent);
    const reason = spent ?? meter.unmeterable(route, model);
    // Of all statuses this one alone makes each client give up at once.
    if (reason !== undefined) throw new Refusal(400, reason, { headers: noRetry });
  }

  function count(call: Call, read: ReadAnswer): void {
    meter.add(call.route, call.model, read);
    options.onUsage(meter.usage);
    if (isQuotaCode(read.errorCode)) {
      options.onLimit({ reason: "the quota at the model's provider is used up" });
    }
  }

  async function passStream(
    incoming: IncomingMessage,
    response: ServerResponse,
    call: Call,
  ): Promise<void> {
    response.writeHead(200, clientHeaders(incoming.headers, call.key)).flushHeaders();
    const usage = new StreamUsage(call.route.protocol);
    const filter = new KeyFilter(call.key);
    const pass = (chunk: Buffer): Buffer => {
      usage.write(chunk);
      if (!response.destroyed) onCall();
      return filter.write(chunk);
    };
    const isComplete = await relay(incoming, response, pass, collect);
    response.write(filter.end());
    const read = usage.end();
    if (call.endpoint.generates) count(call, read);
    if (read.end === 'cut' || !isComplete) {
      response.write(errorEvent(new Refusal(502, "the model server's answer broke off")));
    }
    response.end();
  }

  async function passJson(
    incoming: IncomingMessage,
    response: ServerResponse,
    call: Call,
  ): Promise<void> {
    const { headers } = incoming;
    const bytes = await readWhole(incoming, maxJsonBytes);
    const body = bytes === undefined ? undefined : parseAnswer(bytes);
    if (call.endpoint.generates) {
      const cut = { usage: {}, isMetered: false, end: 'cut', errorCode: undefined } as const;
      const isWhole = isObject(body);
      count(call, isWhole ? readWholeAnswer(call.route.protocol, body) : cut);
    }
    if (bytes === undefined) {
      throw new Refusal(502, "the model server's answer broke off, or is too large");
    }
    if (body === undefined)
      throw noModelServer('answered with something that is not JSON, or with too much of it');
    const passed = withoutKey(bytes, call.key);
    response.writeHead(200, {
      ...clientHeaders(headers, call.key),
      'content-length': passed.length,
    });
    response.end(passed);
  }

  /** Passes a model server's own error on, unless the client is better told something else. */
  async function passError(
    incoming: IncomingMessage,
    response: ServerResponse,
    key: string | undefined,
  ): Promise<void> {
    const { statusCode: status = 0, headers } = incoming;
    const bytes = await readWhole(incoming, maxErrorBytes);
    const body = bytes === undefined ? undefined : parseAnswer(bytes);
    if (status < 400) throw noModelServer(`answered with a redirection (${status})`);
    const limit = findProviderLimit({ status, headers, body }, Date.now());
    if (limit !== undefined) options.onLimit(limit);
    if (limit?.resetsAt !== undefined) throw limitRefusal(limit.reason, limit.resetsAt);
    if (status === 401) {
      // What it says may hold parts of the key, and no try of the client's would mend it.
      throw new Refusal(
        400,
        "the model server does not accept the route's key (401): whoever runs the orchestrator has to give it another one",
        { headers: noRetry },
      );
    }
    const passed = clientHeaders(headers, key);
    if (!isObject(body)) {
      throw new Refusal(status, `the model server answered ${status}`, { headers: passed });
    }
    const told = JSON.stringify(redacted(body, key));
    response.writeHead(status, passed).end(told);
  }

  return {
    handle,
    setKeys(next) {
      keys = next;
    },
    async close(graceMs) {
      await Promise.race([Promise.all(underWay), delay(graceMs, undefined, { ref: false })]);
      upstream.close();
      await Promise.race([Promise.all(underWay), delay(breakOffMs, undefined, { ref: false })]);
      return meter.usage;
    },
  };
}

const noBody = { model: '', body: undefined } as const;
const noRetry = { 'x-should-retry': 'false' };

/** Nothing of a body is kept but what goes on: parsed, a large one takes a multiple of its size. */
async function takeBody(
  request: IncomingMessage,
  name: string,
  route: LlmRoute,
): Promise<{ readonly model: string; readonly body: Buffer }> {
  const body = await readRequestBody(request);
  return { model: checkBody(name, route, body), body: encode(route, body) };
}

/** @returns the model that is asked for */
function checkBody(name: string, route: LlmRoute, body: JsonObject): string {
  const remote = route.remoteTools ? undefined : findRemoteUse(route.protocol, body);
  if (remote !== undefined) {
    throw new Refusal(
      400,
      `${remote} would make the provider act outside of this bottle. Switch it off in the agent's settings, or have the orchestrator's administrator set remote_tools for the model route ${name}.`,
      { headers: noRetry },
    );
  }
  const { model } = body;
  if (typeof model !== 'string') throw new Refusal(400, 'the request does not name a model');
  return model;
}

/** What was checked, and not what was sent: of a member that is there twice another reader may take the other one. */
function encode({ protocol }: LlmRoute, body: JsonObject): Buffer {
  const wantsUsage = protocol === 'openai-completions' && body['stream'] === true;
  const options = isObject(body['stream_options']) ? body['stream_options'] : {};
  const sent = wantsUsage ? { ...body, stream_options: { ...options, include_usage: true } } : body;
  return Buffer.from(JSON.stringify(sent));
}

/** As each client understands that it would wait in vain: Anthropic's by the header, Codex by the type. */
function limitRefusal(reason: string, resetsAt: number): Refusal {
  const type = 'usage_limit_reached';
  const resetsInSeconds = Math.ceil((resetsAt - Date.now()) / 1000);
  return new Refusal(429, `${reason}. The run is paused until then.`, {
    headers: noRetry,
    details: {
      type,
      code: type,
      resets_at: Math.ceil(resetsAt / 1000),
      resets_in_seconds: resetsInSeconds,
    },
  });
}

function noModelServer(what: string): Refusal {
  return new Refusal(
    502,
    `the model server ${what}: the route's upstream is not a model server's base URL, or something is in between`,
  );
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  // What nobody foresaw may have anything in its message.
  const known = error instanceof Refusal;
  sendRefusal(response, known ? error : new Refusal(500, 'the request could not be passed on'));
}
