import { hash } from 'node:crypto';
import type { FastifyBaseLogger, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { issueOfBranch } from '../../domain/ids.ts';
import { orderKey } from '../../domain/order-key.ts';
import {
  type ForgeEvent,
  type IgnoredEvent,
  WebhookFormatError,
  type WebhookParser,
} from '../../forges/webhook.ts';
import type { DeliveryStore, NewDelivery } from '../../store/store.ts';
import { refuseStrangers, type ServerNames } from '../plugins/refuse-strangers.ts';
import { ProblemError } from '../problem.ts';
import type { WebhookReceipt, WebhookReceipts } from '../webhook-receipts.ts';

export interface WebhookOptions {
  readonly parser: WebhookParser;
  /** Shared with the forge; undefined: signatures are not checked (`--insecure-webhooks`). */
  readonly secret: string | undefined;
  /** Under which deliveries that are not signed must come, and from no page of another site. */
  readonly names: ServerNames;
  readonly deliveries: Pick<DeliveryStore, 'add'>;
  /** Called for each delivery whose signature was checked, with what came of it. */
  readonly onSignature: (fits: boolean) => void;
  /** Gets one for every request. */
  readonly receipts: Pick<WebhookReceipts, 'add'>;
  /** Called when a delivery that waits is on disk: wakes the inbox. */
  readonly onAccepted: () => void;
  /** Bytes of the largest body. Default 10 MiB: several times an issue of 1 MB in the forge's JSON. */
  readonly bodyLimit?: number;
}

/** What a delivery is answered with, as 202. */
export interface WebhookAnswer {
  /** `known`: this very body was delivered before, and nothing happens. */
  readonly state: 'accepted' | 'known' | 'ignored';
  readonly sequence: number;
  /** Why it is ignored. */
  readonly reason?: string;
}

const defaultBodyLimit = 10 * 1024 * 1024;

/**
 * `POST /webhooks/gitea`: signature over the raw body first, then its meaning, then a row that survives a power cut, and
 * only then 202. A forge delivers once, so whatever is not answered with 202 has to be visible there: 404 path, 401
 * signature, 400 body, 413 size, 415 content type, 503 store. Bodies are never logged. Register it: it needs content-type parsers
 * of its own.
 */
export const webhookRoutes: FastifyPluginAsync<WebhookOptions> = async (app, options) => {
  const { bodyLimit = defaultBodyLimit } = options;
  if (options.secret === undefined) {
    refuseStrangers(app, options.names);
  }
  // One logger for all requests: their id is in our own line.
  let quiet: FastifyBaseLogger | undefined;
  app.setChildLoggerFactory((logger, _bindings, options) => (quiet ??= logger.child({}, options)));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit },
    (_request, body, done) => done(null, body),
  );
  app.addContentTypeParser('*', (_request, _payload, done) =>
    done(new ProblemError(415, 'Set the content type of the webhook to application/json.')),
  );
  app.addHook('onError', async (request, _reply, error) => {
    const status = error instanceof ProblemError ? error.status : (error.statusCode ?? 500);
    const isTold = error instanceof ProblemError || status < 500;
    const reason = isTold ? error.message : 'The orchestrator failed: see its log.';
    options.receipts.add(receiptOf(request, { verdict: 'refused', status, reason }));
  });
  // One line of ours says it all: fastify's own two would cost a tenth of an acknowledgement.
  app.post(
    '/webhooks/gitea',
    { schema: { hide: true }, logLevel: 'warn' },
    async (request, reply) => {
      const answer = await receive(app.log, request, options);
      const { state: verdict, ...more } = answer;
      options.receipts.add(receiptOf(request, { verdict, status: 202, ...more }));
      return reply.code(202).send(answer);
    },
  );
  for (const path of ['/webhooks', '/webhooks/*']) {
    app.all(path, { schema: { hide: true }, onRequest: refuseElsewhere }, refuseElsewhere);
  }
};

/** Its answer is what the forge shows for a delivery that was sent to a wrong path. */
async function refuseElsewhere({ method, url }: FastifyRequest): Promise<never> {
  throw new ProblemError(
    404,
    `There is no ${method} ${url.split('?')[0]}. Gitea's webhooks are received as POST /webhooks/gitea.`,
  );
}

async function receive(
  log: FastifyBaseLogger,
  request: FastifyRequest,
  options: WebhookOptions,
): Promise<WebhookAnswer> {
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const deliveryId = headerOf(request, 'x-gitea-delivery');
  const named = { reqId: request.id, deliveryId, bytes: body.length };

  if (
    options.secret !== undefined &&
    !options.parser.verify(request.headers, body, options.secret)
  ) {
    log.warn(named, 'webhook refused: bad signature');
    afterwards(() => options.onSignature(false));
    throw new ProblemError(
      401,
      'The signature does not fit the body. Is the secret of the webhook the one configured here?',
    );
  }

  if (options.secret !== undefined) {
    afterwards(() => options.onSignature(true));
  }
  const {
    event,
    orderKey: queue,
    ignoredReason,
  } = meaningOf(parse(request, body, options.parser, log, named));
  const { sequence, known } = await options.deliveries
    .add({
      digest: hash('sha256', body),
      deliveryId: deliveryId ?? '',
      event,
      orderKey: queue,
      headers: keptHeaders(request),
      body,
      receivedAt: Date.now(),
      ...(ignoredReason !== undefined && { ignoredReason }),
    })
    .catch((error: unknown) => {
      log.error({ ...named, err: error }, 'webhook refused: the store failed');
      throw new ProblemError(503, 'The delivery could not be stored. Deliver it again later.');
    });

  const said = { ...named, event, sequence };
  if (known) {
    afterwards(() => log.info(said, 'webhook known'));
    return { state: 'known', sequence };
  }
  if (ignoredReason !== undefined) {
    afterwards(() => log.info({ ...said, reason: ignoredReason }, 'webhook ignored'));
    return { state: 'ignored', sequence, reason: ignoredReason };
  }
  afterwards(() => {
    log.info({ ...said, issue: queue }, 'webhook accepted');
    options.onAccepted();
  });
  return { state: 'accepted', sequence };
}

/** When the answer has been written: a forge waits for nothing but the row. */
function afterwards(task: () => void): void {
  setImmediate(task);
}

function parse(
  request: FastifyRequest,
  body: Buffer,
  parser: WebhookParser,
  log: FastifyBaseLogger,
  named: object,
): ForgeEvent | IgnoredEvent {
  try {
    return parser.parse(request.headers, body);
  } catch (error) {
    if (error instanceof WebhookFormatError) {
      log.warn({ ...named, reason: error.message }, 'webhook refused: bad body');
      throw new ProblemError(400, error.message);
    }
    throw error;
  }
}

/** Which issue's queue an event goes into, or why it means nothing to any. */
function meaningOf(
  event: ForgeEvent | IgnoredEvent,
): Pick<NewDelivery, 'event' | 'orderKey' | 'ignoredReason'> {
  if (event.type === 'ignored') {
    return { event: event.event, orderKey: '', ignoredReason: event.reason };
  }
  const name = `${event.type} ${event.type === 'review' ? event.verdict : event.action}`;
  const issue = issueOf(event);
  if (issue === undefined) {
    return {
      event: name,
      orderKey: '',
      ignoredReason: 'the pull request is not of a branch of ours in this repository',
    };
  }
  const queue = { event: name, orderKey: orderKey(event.repository.id, issue) };
  if (event.type === 'pull_request' && event.action === 'edited') {
    return { ...queue, ignoredReason: `a pull request ${event.action} changes nothing for us` };
  }
  if (event.type === 'comment' && event.action === 'deleted') {
    return {
      ...queue,
      ignoredReason: 'a deleted comment changes nothing: its text is gone from the forge',
    };
  }
  return queue;
}

/** A pull request's events belong to the issue of its head branch. */
function issueOf(event: ForgeEvent): number | undefined {
  const head = event.type === 'issue' ? undefined : event.head;
  if (head === undefined) {
    return event.number;
  }
  return head.repositoryId === event.repository.id ? issueOfBranch(head.branch) : undefined;
}

function receiptOf(
  request: FastifyRequest,
  answered: Pick<WebhookReceipt, 'verdict' | 'status'> & Partial<WebhookReceipt>,
): Omit<WebhookReceipt, 'number'> {
  const { test } = request.query as { test?: unknown };
  return {
    receivedAt: Date.now(),
    sequence: undefined,
    event: (headerOf(request, 'x-gitea-event') ?? '').slice(0, 100),
    deliveryId: (headerOf(request, 'x-gitea-delivery') ?? '').slice(0, 100),
    reason: undefined,
    from: request.ip,
    test: typeof test === 'string' ? test.slice(0, 100) : undefined,
    ...answered,
  };
}

/** What it takes to read the body again. Nothing else is kept: a webhook may carry an authorization header. */
const headersKept = ['x-gitea-event', 'x-gitea-event-type', 'x-gitea-delivery'];

function keptHeaders(request: FastifyRequest): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of headersKept) {
    const value = headerOf(request, name);
    if (value !== undefined) {
      kept[name] = value;
    }
  }
  return kept;
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
