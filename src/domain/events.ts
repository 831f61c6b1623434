/** What can happen to an issue or a pull request on a forge, in one vocabulary for all forges. */

export type IssueAction =
  | 'opened'
  | 'reopened'
  | 'closed'
  | 'edited'
  | 'labelled'
  | 'assigned'
  | 'unassigned';

export type PullRequestAction = 'opened' | 'reopened' | 'closed' | 'edited' | 'synchronized';
