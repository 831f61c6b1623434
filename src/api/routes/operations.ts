import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findIssue, issueParams } from '../find-issue.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { operationView, viewOperation } from '../views/operation.ts';

export const operationRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.get(
    '/issues/:owner/:repository/:number/operations',
    {
      schema: {
        summary: "The op log of the issue's newest life, the oldest entry first",
        params: issueParams,
        response: {
          200: z.object({ operations: z.array(operationView) }),
          ...problems(400, 401, 404),
        },
      },
    },
    async (request) => {
      const { record } = await findIssue(store, request.params);
      return { operations: (await store.operations.ofSlug(record.slug)).map(viewOperation) };
    },
  );
};
