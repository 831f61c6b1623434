import type { IssueRef } from './issue.ts';

/**
 * The workflow id of an issue: `issue/<forge host>/<owner>/<repo>/<number>`.
 * Give it the repository's *first-seen* name, so that a rename does not split an issue in two.
 */
export function issueWorkflowId(issue: IssueRef): string {
  const { forgeHost, owner, name } = issue.repository;
  return `issue/${forgeHost}/${owner}/${name}/${issue.number}`;
}

/**
 * The slug of one life: a readable prefix (at most 40 characters) and 8 hex digits that make it unique.
 * @param executionId the run id of the execution in which the life began
 */
export function bottleSlug(issue: IssueRef, workflowId: string, executionId: string): string {
  const { owner, name } = issue.repository;
  const readable = slugify(`${owner}-${name}`).slice(0, 40 - `-${issue.number}`.length);
  return `${slugify(`${readable}-${issue.number}`)}-${hash32(`${workflowId}\n${executionId}`)}`;
}

/** Lower case, everything but letters and digits folded to single dashes, no dash at either end. */
export function slugify(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
}

/** The branch a life works on: `bot-bottle/issue-<n>`, from the second life after a merge on with its number. */
export function bottleBranch(issueNumber: number, life: number): string {
  return life === 1 ? `bot-bottle/issue-${issueNumber}` : `bot-bottle/issue-${issueNumber}-${life}`;
}

/** The issue a branch made by `bottleBranch` belongs to, or undefined for any other branch. */
export function issueOfBranch(branch: string): number | undefined {
  const match = /^bot-bottle\/issue-([1-9][0-9]{0,9})(?:-[1-9][0-9]{0,5})?$/.exec(branch);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** Reads `owner/repo#number`; undefined when it is not of that form. */
export function parseIssueName(
  text: string,
): { owner: string; name: string; number: number } | undefined {
  const match = /^([\w.-]+)\/([\w.-]+)#([1-9][0-9]{0,9})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) {
    return undefined;
  }
  return { owner: match[1], name: match[2], number: Number(match[3]) };
}

/** Task queues of a host. Apart, because a full host must still watch, stop and answer probes. */
export function hostTaskQueues(hostId: string): Record<HostQueue, string> {
  return {
    launch: `host-${hostId}-launch`,
    watch: `host-${hostId}-watch`,
    control: `host-${hostId}-control`,
    probe: `host-${hostId}-probe`,
  };
}

export type HostQueue = 'launch' | 'watch' | 'control' | 'probe';

/** The task queue of the workflows and of the activities that need no particular host. */
export const orchestratorTaskQueue = 'orchestrator';

/** FNV-1a over UTF-16 units with a final mix, as 8 hex digits. Not for anything that must resist an attacker. */
function hash32(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0).toString(16).padStart(8, '0');
}
