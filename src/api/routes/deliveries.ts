import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { deliveryStates, deliveryView, viewDelivery } from '../views/delivery.ts';

export const deliveryRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.get(
    '/deliveries',
    {
      schema: {
        summary: 'Webhook deliveries and what became of them, the newest first',
        querystring: z.object({
          state: z.enum(deliveryStates).optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: {
          200: z.object({ deliveries: z.array(deliveryView) }),
          ...problems(400, 401),
        },
      },
    },
    async ({ query: { state, limit } }) => {
      const deliveries = await store.deliveries.list({ ...(state && { state }), limit });
      return { deliveries: deliveries.map(viewDelivery) };
    },
  );
};
