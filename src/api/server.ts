import { randomUUID } from 'node:crypto';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { BottleHost } from '../bottles/host.ts';
import type { Store } from '../store/store.ts';
import { createCallers } from './callers.ts';
import type { HealthCheck } from './health-check.ts';
import type { IssueCommands } from './issue-commands.ts';
import { admitCallers } from './plugins/admit-callers.ts';
import { serveDocs } from './plugins/docs.ts';
import { describeAsOpenApi } from './plugins/open-api.ts';
import {
  answerBadPath,
  answerBrokenRequests,
  answerUnknownPaths,
  answerWithProblems,
} from './plugins/problems.ts';
import { refuseStrangers, type ServerNames } from './plugins/refuse-strangers.ts';
import { addSecurityHeaders } from './plugins/security-headers.ts';
import { commandRoutes } from './routes/commands.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { healthRoutes } from './routes/health.ts';
import { issueRoutes } from './routes/issues.ts';
import { operationRoutes } from './routes/operations.ts';
import { reconcileRoutes } from './routes/reconcile.ts';
import { runRoutes } from './routes/runs.ts';
import { runLogRoutes } from './routes/run-log.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { webhookReceiptRoutes } from './routes/webhook-receipts.ts';
import type { WebhookReceipts } from './webhook-receipts.ts';

/** What the API speaks for. */
export interface ServerParts {
  readonly store: Pick<
    Store,
    'repositories' | 'issues' | 'runs' | 'operations' | 'deliveries' | 'apiTokens' | 'reconcile'
  >;
  readonly commands: IssueCommands;
  readonly bottles: Pick<BottleHost, 'readOutput'>;
  readonly checks: readonly HealthCheck[];
  readonly receipts: WebhookReceipts;
  /** The token in the data directory. It, or one made with it, is asked for on everything below `/api/v1`. */
  readonly token: string;
  readonly names: ServerNames;
  /** Version of the program. */
  readonly version: string;
  readonly logger: FastifyBaseLogger;
}

/** Commands and questions are small; the webhook route sets a limit of its own. */
const bodyLimit = 64 * 1024;

/** To arrive whole: who dribbles a request in holds nothing for longer. Answers may take any time. */
const requestTimeoutMs = 30_000;

/**
 * The HTTP server, with `/healthz`, `/readyz`, `/docs` and `/api/v1`. It does not listen yet, and further plugins
 * (webhooks) may be registered until it does; these have none of the hooks that guard what browsers and people ask, so
 * that a delivery is acknowledged fast and under whatever name the forge reaches us. `close()` ends the log streams
 * that are open, answers what it was asked, and then resolves.
 */
export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const server: FastifyInstance = fastify({
    loggerInstance: parts.logger,
    genReqId: () => randomUUID(),
    bodyLimit,
    requestTimeout: requestTimeoutMs,
    exposeHeadRoutes: false,
    frameworkErrors: answerBadPath,
    clientErrorHandler: answerBrokenRequests(parts.logger),
  });
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  answerWithProblems(server);
  server.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  await describeAsOpenApi(server, parts.version);
  await server.register(async (guarded) => {
    await addSecurityHeaders(guarded);
    refuseStrangers(guarded, parts.names);
    answerUnknownPaths(guarded);
    await guarded.register(healthRoutes, parts);
    await serveDocs(guarded);
    await guarded.register((part) => api(part, parts), { prefix: '/api/v1' });
  });
  return server;
}

async function api(part: FastifyInstance, parts: ServerParts): Promise<void> {
  await admitCallers(part, createCallers(parts.token, parts.store.apiTokens));
  answerUnknownPaths(part);
  part.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  for (const routes of [
    issueRoutes,
    runRoutes,
    runLogRoutes,
    operationRoutes,
    commandRoutes,
    deliveryRoutes,
    webhookReceiptRoutes,
    reconcileRoutes,
    tokenRoutes,
  ]) {
    await part.register(routes, parts);
  }
  part.get('/openapi.json', { schema: { hide: true } }, async () => part.swagger());
}
