import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { IssueRef } from '../../domain/issue.ts';
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
import { WorkflowsUnavailableError } from '../issue-commands.ts';
import { nextCursor, pageOf, pageQuery } from '../page.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import {
  issueDetailView,
  issueView,
  viewIssue,
  viewIssueDetail,
  type WorkflowView,
} from '../views/issue.ts';
import { outcomeView, phaseView, statusView } from '../views/phase.ts';
import { isoTime } from '../views/time.ts';

const tags = ['Issues'];

export const issueRoutes: FastifyPluginAsyncZod<ServerParts> = async (
  server,
  { store, commands },
) => {
  server.get(
    '/issues',
    {
      schema: {
        tags,
        operationId: 'listIssues',
        summary: 'Issues in their newest lives, the latest change of phase first',
        querystring: z.strictObject({
          phase: anyOf(phaseView),
          status: anyOf(statusView),
          repository: repositoryFilter,
          agent: agentFilter,
          outcome: anyOf(outcomeView, 'How the newest run ended.'),
          attention: flag('Whether a person should know or do something.'),
          ...timeRange('latest change of phase'),
          ...pageQuery(z.object({ since: z.int(), slug: z.string() })),
        }),
        response: {
          200: z.object({ issues: z.array(issueView), nextCursor }),
          ...problems(400, 401, 429),
        },
      },
    },
    async ({ query }) => {
      const repository = await findRepository(store, query.repository);
      if (repository === 'unknown') {
        return { issues: [], nextCursor: null };
      }
      const found = await store.issues.list({
        phases: query.phase,
        statuses: query.status,
        repository,
        agents: query.agent,
        outcomes: query.outcome,
        attention: query.attention,
        since: query.since,
        until: query.until,
        after: query.cursor,
        limit: query.limit + 1,
      });
      const page = pageOf(found, query.limit, ({ since, slug }) => ({ since, slug }));
      const nameNow = await currentNames(
        store,
        page.entries.map(({ issue }) => issue.repository),
      );
      return {
        issues: page.entries.map((record) => viewIssue(record, nameNow(record.issue.repository))),
        nextCursor: page.nextCursor,
      };
    },
  );

  server.get(
    '/issues/:owner/:repository/:number',
    {
      schema: {
        tags,
        operationId: 'getIssue',
        summary: 'One issue, its runs, and what its workflow tells',
        params: issueParams,
        response: { 200: issueDetailView, ...problems(400, 401, 404, 429) },
      },
    },
    async (request) => {
      const { issue, repository, record } = await findIssue(store, request.params);
      const [runs, workflow] = await Promise.all([store.runs.ofIssue(issue), ask(issue)]);
      return viewIssueDetail(record, repository, runs, workflow);
    },
  );

  /** The store's part of the answer must not wait for Temporal to be back. */
  async function ask(issue: IssueRef): Promise<WorkflowView> {
    try {
      const [status, timeline] = await Promise.all([
        commands.status(issue),
        commands.timeline(issue),
      ]);
      if (status === undefined || timeline === undefined) {
        return { state: 'closed' };
      }
      return {
        state: 'open',
        deadlineAt: isoTime(status.deadlineAt),
        unreadComments: status.unreadComments,
        held: status.held,
        awaitsApproval: status.awaitsApproval,
        timeline: timeline.map(({ at, text }) => ({ at: isoTime(at), text })),
      };
    } catch (error) {
      if (error instanceof WorkflowsUnavailableError) {
        return { state: 'unreachable', reason: error.message };
      }
      throw error;
    }
  }
};
