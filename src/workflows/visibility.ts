import { upsertSearchAttributes } from '@temporalio/workflow';
import { formatIssue } from '../domain/issue.ts';
import type { IssueState } from './issue-state.ts';
import { searchAttributes } from './search-attributes.ts';

/** Search attributes: what a list of workflows shows and filters by. */
export function publish(state: IssueState): void {
  upsertSearchAttributes([
    { key: searchAttributes.phase, value: state.phase },
    { key: searchAttributes.pullRequest, value: state.pullRequest ?? null },
    { key: searchAttributes.agent, value: state.life?.agent ?? null },
    { key: searchAttributes.host, value: state.life?.hostId ?? null },
    { key: searchAttributes.outcome, value: state.lastEnd?.outcome ?? null },
  ]);
}

/** The current details in Temporal's UI, as Markdown. */
export function details(state: IssueState): string {
  const { life } = state;
  const lines = [
    `**${state.phase}** since ${new Date(state.since).toISOString()}`,
    life === undefined ? '' : `[${formatIssue(state.issue)}: ${life.title}](${life.url})`,
    life === undefined ? '' : `agent \`${life.agent}\`, bottle \`${life.slug}\`, run ${state.run}`,
    state.pullRequest === undefined ? '' : `pull request #${state.pullRequest}`,
    state.held ? 'the agent label or the assignee is away' : '',
    state.awaitsApproval === true ? 'waits for approval: the command `approve`' : '',
    ...state.timeline
      .slice(-12)
      .map(({ at, text }) => `- ${new Date(at).toISOString().slice(11, 19)} ${text}`),
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}
