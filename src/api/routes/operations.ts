import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { anyOf, timeRange } from '../filters.ts';
import { findIssue, issueParams } from '../find-issue.ts';
import { lifeQuery } from '../find-run.ts';
import { nextCursor, pageOf, pageQuery } from '../page.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import {
  operationNames,
  operationOutcomes,
  operationView,
  viewOperation,
} from '../views/operation.ts';

export const operationRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.get(
    '/issues/:owner/:repository/:number/operations',
    {
      schema: {
        tags: ['Runs'],
        operationId: 'listOperations',
        summary: 'The op log of a life, the oldest entry first',
        params: issueParams,
        querystring: z.strictObject({
          life: lifeQuery,
          run: z.coerce.number().int().positive().optional(),
          operation: anyOf(z.enum(operationNames)),
          outcome: anyOf(z.enum(operationOutcomes)),
          ...timeRange('call'),
          ...pageQuery(z.object({ run: z.int(), sequence: z.int() })),
        }),
        response: {
          200: z.object({ operations: z.array(operationView), nextCursor }),
          ...problems(400, 401, 404, 429),
        },
      },
    },
    async ({ params, query }) => {
      const { issue, record } = await findIssue(store, params);
      const { life = record.life } = query;
      const slug =
        life === record.life
          ? record.slug
          : (await store.runs.ofIssue(issue)).find((run) => run.life === life)?.slug;
      if (slug === undefined) {
        return { operations: [], nextCursor: null };
      }
      const found = await store.operations.ofSlug(slug, {
        run: query.run,
        operations: query.operation,
        outcomes: query.outcome,
        since: query.since,
        until: query.until,
        after: query.cursor,
        limit: query.limit + 1,
      });
      const page = pageOf(found, query.limit, ({ run, sequence }) => ({ run, sequence }));
      return { operations: page.entries.map(viewOperation), nextCursor: page.nextCursor };
    },
  );
};
