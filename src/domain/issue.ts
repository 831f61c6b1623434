/** What a forge holds, in the forge's own words. Times are ISO 8601 strings as the forge gave them. */

/** Names a repository on its forge. Names change, `id` does not. */
export interface RepositoryRef {
  /** Host and port of the forge, e.g. `gitea.example:3000`. */
  readonly forgeHost: string;
  /** The forge's numeric id: stable across renames and transfers. */
  readonly id: number;
  readonly owner: string;
  readonly name: string;
}

/** Names an issue. A pull request shares the number space and is named the same way. */
export interface IssueRef {
  readonly repository: RepositoryRef;
  readonly number: number;
}

export interface Repository {
  readonly ref: RepositoryRef;
  readonly defaultBranch: string;
  /** HTTP(S) URL for git, without credentials. */
  readonly cloneUrl: string;
  readonly archived: boolean;
}

export interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly state: 'open' | 'closed';
  readonly url: string;
  readonly author: string;
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
}

/** A type of its own, not an issue with a flag: only it has a head, a base and `merged`. */
export interface PullRequest {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly state: 'open' | 'closed';
  readonly merged: boolean;
  readonly url: string;
  readonly author: string;
  /** Branch name without `refs/heads/`; kept by the forge after the branch is gone. */
  readonly headBranch: string;
  /** Numeric id of the repository the head is in; undefined when that repository is gone. */
  readonly headRepositoryId: number | undefined;
  /** The newest commit of the head, by its hash; the last one when the branch is gone. */
  readonly headCommit: string;
  readonly baseBranch: string;
}

/** One text somebody wrote below an issue or PR. */
export interface Comment {
  /** Unique together with `kind` in a repository. */
  readonly id: number;
  readonly kind: CommentKind;
  readonly author: string;
  readonly body: string;
  readonly createdAt: string;
  /**
   * Whether it was changed since, by anybody. A push that touches the line of an inline comment may count as one. Never
   * told of a review's own text.
   */
  readonly edited?: boolean;
  readonly url: string;
  /** For `inline`: the file, and the line in it if the forge gives one. */
  readonly path?: string;
  readonly line?: number;
  /** For `review` and `inline`: the review it belongs to. */
  readonly reviewId?: number;
  /** For `review`: what the reviewer decided. */
  readonly verdict?: ReviewVerdict;
}

/** `conversation`: below an issue or PR; `review`: a review's own text; `inline`: a review comment on a line. */
export type CommentKind = 'conversation' | 'review' | 'inline';

export type ReviewVerdict = 'approved' | 'changes_requested' | 'commented';

/** `owner/repo#number`, as people write it. */
export function formatIssue(issue: IssueRef): string {
  return `${issue.repository.owner}/${issue.repository.name}#${issue.number}`;
}

/** Issues and pull requests share their numbers, and a forge leads from `issues/<n>` to the pull request. */
export function pullRequestUrl(issueUrl: string, number: number): string {
  return issueUrl.replace(/\d+$/, String(number));
}
