import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findIssue, issueParams } from '../find-issue.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { runView, viewRun } from '../views/run.ts';

export const runRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.get(
    '/issues/:owner/:repository/:number/runs',
    {
      schema: {
        summary: 'The runs of all lives of an issue, the oldest first',
        params: issueParams,
        response: { 200: z.object({ runs: z.array(runView) }), ...problems(400, 401, 404) },
      },
    },
    async (request) => {
      const { issue } = await findIssue(store, request.params);
      return { runs: (await store.runs.ofIssue(issue)).map(viewRun) };
    },
  );
};
