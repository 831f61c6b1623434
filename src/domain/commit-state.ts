/** What a commit's status says. */
export type CommitState = 'pending' | 'success' | 'failure';
