import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findRepository, repositoryFilter, timeRange } from '../filters.ts';
import { nextCursor, pageOf, pageQuery } from '../page.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { deliveryStates, deliveryView, viewDelivery } from '../views/delivery.ts';

export const deliveryRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.get(
    '/deliveries',
    {
      schema: {
        tags: ['Deliveries'],
        operationId: 'listDeliveries',
        summary: 'Webhook deliveries and what became of them, the newest first',
        querystring: z
          .strictObject({
            state: z.enum(deliveryStates).optional(),
            repository: repositoryFilter,
            issue: z.coerce
              .number()
              .int()
              .positive()
              .optional()
              .meta({ description: 'Number of an issue of the repository.' }),
            ...timeRange('receipt'),
            ...pageQuery(z.object({ sequence: z.int() })),
          })
          .refine(({ issue, repository }) => issue === undefined || repository !== undefined, {
            path: ['issue'],
            error: 'needs a repository',
          }),
        response: {
          200: z.object({ deliveries: z.array(deliveryView), nextCursor }),
          ...problems(400, 401, 429),
        },
      },
    },
    async ({ query: { cursor, limit, ...filter } }) => {
      const repository = await findRepository(store, filter.repository);
      if (repository === 'unknown') {
        return { deliveries: [], nextCursor: null };
      }
      const found = await store.deliveries.list({
        ...filter,
        repository,
        after: cursor?.sequence,
        limit: limit + 1,
      });
      const page = pageOf(found, limit, ({ sequence }) => ({ sequence }));
      return { deliveries: page.entries.map(viewDelivery), nextCursor: page.nextCursor };
    },
  );
};
