import { z } from 'zod';
import type { IssueRef, RepositoryRef } from '../domain/issue.ts';
import type { IssueRecord, Store } from '../store/store.ts';
import { ProblemError } from './problem.ts';

export const issueParams = z.object({
  owner: z.string(),
  repository: z.string(),
  number: z.coerce.number().int().positive(),
});

type IssueParams = z.infer<typeof issueParams>;

export interface FoundIssue {
  /** With the repository's first-seen name: its key in the store, and its workflow's id. */
  readonly issue: IssueRef;
  /** The repository under its current name. */
  readonly repository: RepositoryRef;
  readonly record: IssueRecord;
}

/** @throws ProblemError 404 when the issue has had no life */
export async function findIssue(
  store: Pick<Store, 'repositories' | 'issues'>,
  params: IssueParams,
): Promise<FoundIssue> {
  const { issue, repository } = await resolveIssue(store, params);
  const record = await store.issues.read(issue);
  if (record === undefined) {
    throw new ProblemError(404, unknownIssue(params));
  }
  return { issue, repository, record };
}

/**
 * By any name that the repository has or had; the issue itself may be unknown.
 * @throws ProblemError 404 when the repository has never sent an event
 */
export async function resolveIssue(
  store: Pick<Store, 'repositories'>,
  params: IssueParams,
): Promise<Pick<FoundIssue, 'issue' | 'repository'>> {
  const names = await store.repositories.byName(params.owner, params.repository);
  if (names === undefined) {
    throw new ProblemError(404, unknownIssue(params));
  }
  return {
    issue: { repository: names.firstSeen, number: params.number },
    repository: names.current,
  };
}

/** For people: what it means that an issue is not known, and what makes it known. */
export function unknownIssue({ owner, repository, number }: IssueParams): string {
  return `The orchestrator knows no issue ${owner}/${repository}#${number}. An issue is taken up when it is open, has a label bot-bottle:<agent>, and is assigned to a member of the org; the webhook of its repository must reach the orchestrator.`;
}
