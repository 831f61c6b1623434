import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { HealthCheck } from '../health-check.ts';
import type { ServerParts } from '../server.ts';

const tags = ['Health'];

const patienceMs = 5000;

const checkView = z.object({ name: z.string(), ok: z.boolean(), reason: z.string().nullable() });
const readinessView = z.object({ ready: z.boolean(), checks: z.array(checkView) });

/** Without a token, so that a supervisor of services can ask. */
export const healthRoutes: FastifyPluginAsyncZod<Pick<ServerParts, 'checks' | 'version'>> = async (
  server,
  { checks, version },
) => {
  server.get(
    '/healthz',
    {
      logLevel: 'warn',
      schema: {
        tags,
        operationId: 'health',
        summary: 'Whether the process answers',
        security: [],
        response: {
          200: z.object({ status: z.literal('ok'), version: z.string(), uptimeSeconds: z.int() }),
        },
      },
    },
    async () => ({ status: 'ok' as const, version, uptimeSeconds: Math.floor(process.uptime()) }),
  );

  server.get(
    '/readyz',
    {
      logLevel: 'warn',
      schema: {
        tags,
        operationId: 'readiness',
        summary: 'Whether all that it needs is there, and what is wrong if not',
        security: [],
        response: { 200: readinessView, 503: readinessView },
      },
    },
    async (request, reply) => {
      const results = await Promise.all(checks.map(run));
      const ready = results.every(({ ok }) => ok);
      if (!ready) {
        request.log.warn({ checks: results.filter(({ ok }) => !ok) }, 'not ready');
      }
      return reply.code(ready ? 200 : 503).send({ ready, checks: results });
    },
  );
};

async function run(health: HealthCheck): Promise<z.infer<typeof checkView>> {
  const { name } = health;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, patienceMs, `no answer within ${patienceMs / 1000} s`);
  });
  try {
    const reason = (await Promise.race([health.check(), patience])) ?? null;
    return { name, ok: reason === null, reason };
  } catch (error) {
    return { name, ok: false, reason: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
