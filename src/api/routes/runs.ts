import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RunRecord } from '../../store/store.ts';
import { currentNames } from '../current-names.ts';
import {
  agentFilter,
  anyOf,
  findRepository,
  flag,
  repositoryFilter,
  timeRange,
} from '../filters.ts';
import { findIssue, issueParams } from '../find-issue.ts';
import { findRun, runParams, runQuery } from '../find-run.ts';
import { nextCursor, pageOf, pageQuery } from '../page.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { outcomeView } from '../views/phase.ts';
import { listedRunView, runView, viewListedRun, viewRun } from '../views/run.ts';

const tags = ['Runs'];

export const runRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.get(
    '/runs',
    {
      schema: {
        tags,
        operationId: 'listRuns',
        summary: 'The runs of all issues, the newest first',
        querystring: z.strictObject({
          repository: repositoryFilter,
          agent: agentFilter,
          outcome: anyOf(outcomeView, 'How it ended.'),
          ended: flag('Whether it has ended.'),
          ...timeRange('preparation of the run'),
          ...pageQuery(z.object({ preparedAt: z.int(), slug: z.string(), run: z.int() })),
        }),
        response: {
          200: z.object({ runs: z.array(listedRunView), nextCursor }),
          ...problems(400, 401, 429),
        },
      },
    },
    async ({ query }) => {
      const repository = await findRepository(store, query.repository);
      if (repository === 'unknown') {
        return { runs: [], nextCursor: null };
      }
      const found = await store.runs.list({
        repository,
        agents: query.agent,
        outcomes: query.outcome,
        ended: query.ended,
        since: query.since,
        until: query.until,
        after: query.cursor,
        limit: query.limit + 1,
      });
      const page = pageOf(found, query.limit, ({ preparedAt, slug, run }) => ({
        preparedAt,
        slug,
        run,
      }));
      const nameNow = await currentNames(
        store,
        page.entries.map(({ issue }) => issue.repository),
      );
      return {
        runs: page.entries.map((record) => viewListedRun(record, nameNow(record.issue.repository))),
        nextCursor: page.nextCursor,
      };
    },
  );

  server.get(
    '/issues/:owner/:repository/:number/runs',
    {
      schema: {
        tags,
        operationId: 'listRunsOfIssue',
        summary: 'The runs of all lives of an issue, the oldest first',
        params: issueParams,
        querystring: z.strictObject(pageQuery(z.object({ life: z.int(), run: z.int() }))),
        response: {
          200: z.object({ runs: z.array(runView), nextCursor }),
          ...problems(400, 401, 404, 429),
        },
      },
    },
    async ({ params, query: { cursor, limit } }) => {
      const { issue } = await findIssue(store, params);
      const runs = await store.runs.ofIssue(issue);
      const found = cursor === undefined ? runs : runs.filter((run) => isAfter(run, cursor));
      const page = pageOf(found, limit, ({ life, run }) => ({ life, run }));
      return { runs: page.entries.map(viewRun), nextCursor: page.nextCursor };
    },
  );

  server.get(
    '/issues/:owner/:repository/:number/runs/:run',
    {
      schema: {
        tags,
        operationId: 'getRun',
        summary: 'One run',
        params: runParams,
        querystring: runQuery,
        response: { 200: runView, ...problems(400, 401, 404, 429) },
      },
    },
    async ({ params, query }) => viewRun(await findRun(store, params, query.life)),
  );

  server.get(
    '/issues/:owner/:repository/:number/runs/:run/prompt',
    {
      schema: {
        tags,
        operationId: 'getPrompt',
        summary: 'What the agent was told at the start of a run, as plain text',
        params: runParams,
        querystring: runQuery,
        response: {
          200: {
            description: 'The prompt.',
            content: { 'text/plain': { schema: z.string() } },
          },
          ...problems(400, 401, 404, 429),
        },
      },
    },
    async ({ params, query }, reply) => {
      const { slug, run } = await findRun(store, params, query.life);
      return reply
        .type('text/plain; charset=utf-8')
        .send((await store.runs.prompt(slug, run)) ?? '');
    },
  );
};

function isAfter(
  run: RunRecord,
  position: { readonly life: number; readonly run: number },
): boolean {
  return run.life === position.life ? run.run > position.run : run.life > position.life;
}
