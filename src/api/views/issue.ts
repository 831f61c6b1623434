import { z } from 'zod';
import { formatIssue, pullRequestUrl, type RepositoryRef } from '../../domain/issue.ts';
import { addUsage, noUsage } from '../../domain/usage.ts';
import type { IssueRecord, RunRecord } from '../../store/store.ts';
import { outcomeView, phaseView, statusView } from './phase.ts';
import { runView, viewRun } from './run.ts';
import { isoTime, time } from './time.ts';
import { usageView, viewUsage } from './usage.ts';

/** An issue in its newest life. */
export const issueView = z
  .object({
    name: z.string().meta({ description: '`owner/repository#number`.' }),
    owner: z.string(),
    repository: z.string(),
    number: z.int(),
    title: z.string(),
    url: z.string(),
    agent: z.string(),
    bottles: z.array(z.string()),
    backend: z.string(),
    branch: z.string(),
    slug: z.string(),
    life: z.int(),
    phase: phaseView,
    status: statusView.nullable(),
    since: time.meta({ description: 'When the phase began.' }),
    parkedUntil: time.nullable().meta({ description: 'When a parked issue goes on by itself.' }),
    lastCheckinAt: time.nullable(),
    run: z.int().meta({ description: 'Number of the newest run; 0 before the first.' }),
    outcome: outcomeView.nullable().meta({ description: 'How the newest run ended.' }),
    attention: z.string().nullable().meta({ description: 'What a person should know or do.' }),
    pullRequest: z.object({ number: z.int(), url: z.string(), merged: z.boolean() }).nullable(),
  })
  .meta({ id: 'Issue' });

export type IssueView = z.infer<typeof issueView>;

/** What the issue's workflow says of itself, as far as it can be asked. */
export const workflowView = z
  .discriminatedUnion('state', [
    z.object({
      state: z.literal('open'),
      deadlineAt: time.nullable(),
      unreadComments: z.int(),
      held: z
        .boolean()
        .meta({ description: 'The label or the assignee is away: nothing resumes.' }),
      awaitsApproval: z
        .boolean()
        .meta({ description: 'Nothing launches until somebody approves.' }),
      timeline: z.array(z.object({ at: time, text: z.string() })),
    }),
    z.object({ state: z.literal('closed') }),
    z.object({ state: z.literal('unreachable'), reason: z.string() }),
  ])
  .meta({ id: 'Workflow' });

export type WorkflowView = z.infer<typeof workflowView>;

export const issueDetailView = issueView
  .extend({
    usage: usageView
      .nullable()
      .meta({ description: 'Of all runs of this life together; null when none has a model.' }),
    runs: z.array(runView).meta({ description: 'Of all lives.' }),
    workflow: workflowView,
  })
  .meta({ id: 'IssueDetail' });

export type IssueDetailView = z.infer<typeof issueDetailView>;

/** @param repository under its current name: the record has the one it was first seen with */
export function viewIssue(record: IssueRecord, repository: RepositoryRef): IssueView {
  const { number } = record.issue;
  return {
    name: formatIssue({ repository, number }),
    owner: repository.owner,
    repository: repository.name,
    number,
    title: record.title,
    url: record.url,
    agent: record.agentName,
    bottles: [...record.bottleNames],
    backend: record.backendName,
    branch: record.branch,
    slug: record.slug,
    life: record.life,
    phase: record.phase,
    status: record.status ?? null,
    since: isoTime(record.since),
    parkedUntil: isoTime(record.parkedUntil),
    lastCheckinAt: isoTime(record.lastCheckinAt),
    run: record.run,
    outcome: record.outcome ?? null,
    attention: record.attention ?? null,
    pullRequest:
      record.prNumber === undefined
        ? null
        : {
            number: record.prNumber,
            url: pullRequestUrl(record.url, record.prNumber),
            merged: record.prMerged,
          },
  };
}

/** @param runs of all lives of the issue */
export function viewIssueDetail(
  record: IssueRecord,
  repository: RepositoryRef,
  runs: readonly RunRecord[],
  workflow: WorkflowView,
): IssueDetailView {
  const used = runs.flatMap(({ slug, usage }) =>
    slug === record.slug && usage !== undefined ? [usage] : [],
  );
  return {
    ...viewIssue(record, repository),
    usage: used.length === 0 ? null : viewUsage(used.reduce(addUsage, noUsage)),
    runs: runs.map(viewRun),
    workflow,
  };
}
