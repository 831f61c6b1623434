import type { IssueView } from '../api/views/issue.ts';

/**
 * The issues that are new or not as they were, the check-in apart, which is another all the time. One that no longer
 * matches is told once more: somebody waits to hear where it went.
 * @param before undefined: all that match are new
 */
export function changedIssues(
  issues: readonly IssueView[],
  before: readonly IssueView[] | undefined,
  matches: (issue: IssueView) => boolean,
): IssueView[] {
  const shown = new Map(
    (before ?? []).filter(matches).map((issue) => [issue.name, withoutCheckin(issue)]),
  );
  return issues.filter(
    (issue) =>
      (matches(issue) || shown.has(issue.name)) && shown.get(issue.name) !== withoutCheckin(issue),
  );
}

/** As a text that can be compared. */
export function withoutCheckin(issue: IssueView): string {
  return JSON.stringify({ ...issue, lastCheckinAt: null });
}
