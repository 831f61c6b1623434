import { randomUUID } from 'node:crypto';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { BottleHost } from '../bottles/host.ts';
import type { Store } from '../store/store.ts';
import type { HealthCheck } from './health-check.ts';
import type { IssueCommands } from './issue-commands.ts';
import { requireBearerToken } from './plugins/bearer-token.ts';
import { describeAsOpenApi } from './plugins/open-api.ts';
import { answerWithProblems, notFound } from './plugins/problems.ts';
import { commandRoutes } from './routes/commands.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { healthRoutes } from './routes/health.ts';
import { issueRoutes } from './routes/issues.ts';
import { operationRoutes } from './routes/operations.ts';
import { runRoutes } from './routes/runs.ts';
import { runLogRoutes } from './routes/run-log.ts';
import { webhookReceiptRoutes } from './routes/webhook-receipts.ts';
import type { WebhookReceipts } from './webhook-receipts.ts';

/** What the API speaks for. */
export interface ServerParts {
  readonly store: Pick<Store, 'repositories' | 'issues' | 'runs' | 'operations' | 'deliveries'>;
  readonly commands: IssueCommands;
  readonly bottles: Pick<BottleHost, 'readOutput'>;
  readonly checks: readonly HealthCheck[];
  readonly receipts: WebhookReceipts;
  /** Asked for on everything below `/api/v1`. */
  readonly token: string;
  /** Version of the program. */
  readonly version: string;
  readonly logger: FastifyBaseLogger;
}

/** Commands and questions are small; the webhook route sets a limit of its own. */
const bodyLimit = 64 * 1024;

/** To arrive whole: who dribbles a request in holds nothing for longer. Answers may take any time. */
const requestTimeoutMs = 30_000;

/**
 * The HTTP server, with `/healthz`, `/readyz` and `/api/v1`. It does not listen yet, and further plugins (webhooks)
 * may be registered until it does. `close()` ends the log streams that are open, answers what it was asked, and then
 * resolves.
 */
export async function buildServer(parts: ServerParts): Promise<FastifyInstance> {
  const server: FastifyInstance = fastify({
    loggerInstance: parts.logger,
    genReqId: () => randomUUID(),
    bodyLimit,
    requestTimeout: requestTimeoutMs,
    exposeHeadRoutes: false,
  });
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  answerWithProblems(server);
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  await server.register(healthRoutes, parts);
  await server.register(
    async (api) => {
      await requireBearerToken(api, parts.token);
      api.setNotFoundHandler(notFound);
      await describeAsOpenApi(api, parts.version);
      for (const routes of [
        issueRoutes,
        runRoutes,
        runLogRoutes,
        operationRoutes,
        commandRoutes,
        deliveryRoutes,
        webhookReceiptRoutes,
      ]) {
        await api.register(routes, parts);
      }
      api.get('/openapi.json', { schema: { hide: true } }, async () => api.swagger());
    },
    { prefix: '/api/v1' },
  );
  return server;
}
