import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { IssueRef, RepositoryRef } from '../../domain/issue.ts';
import { findIssue, issueParams } from '../find-issue.ts';
import { WorkflowsUnavailableError } from '../issue-commands.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import {
  issueDetailView,
  issueView,
  viewIssue,
  viewIssueDetail,
  type WorkflowView,
} from '../views/issue.ts';
import { isoTime } from '../views/time.ts';

export const issueRoutes: FastifyPluginAsyncZod<ServerParts> = async (
  server,
  { store, commands },
) => {
  server.get(
    '/issues',
    {
      schema: {
        summary: 'All issues in their newest lives, the latest change of phase first',
        response: { 200: z.object({ issues: z.array(issueView) }), ...problems(401) },
      },
    },
    async () => {
      const records = (await store.issues.all()).toSorted((a, b) => b.since - a.since);
      const currentNames = new Map<number, RepositoryRef>();
      for (const { repository } of records.map(({ issue }) => issue)) {
        if (!currentNames.has(repository.id)) {
          const names = await store.repositories.byId(repository.forgeHost, repository.id);
          currentNames.set(repository.id, names?.current ?? repository);
        }
      }
      return {
        issues: records.map((record) => {
          const { repository } = record.issue;
          return viewIssue(record, currentNames.get(repository.id) ?? repository);
        }),
      };
    },
  );

  server.get(
    '/issues/:owner/:repository/:number',
    {
      schema: {
        summary: 'One issue, its runs, and what its workflow tells',
        params: issueParams,
        response: { 200: issueDetailView, ...problems(400, 401, 404) },
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
