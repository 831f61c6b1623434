import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { reconcileTurnView, viewReconcileTurn } from '../views/reconcile-turn.ts';

export const reconcileRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.get(
    '/reconcile',
    {
      schema: {
        tags: ['Deliveries'],
        operationId: 'listReconcileTurns',
        summary: 'Turns of the comparison with the forge, the newest first',
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(1).max(1000).default(20),
        }),
        response: {
          200: z.object({ turns: z.array(reconcileTurnView) }),
          ...problems(400, 401, 429),
        },
      },
    },
    async ({ query: { limit } }) => ({
      turns: (await store.reconcile.turns(limit)).map(viewReconcileTurn),
    }),
  );
};
