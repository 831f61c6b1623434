import type { Comment, Issue, PullRequest, Repository, ReviewVerdict } from '../../domain/issue.ts';
import type { DirectoryEntry, ForgeItem, StateChange } from '../forge.ts';
import type { PullRequestHead } from '../webhook.ts';
import type {
  GiteaComment,
  GiteaDirectoryEntry,
  GiteaInlineComment,
  GiteaIssue,
  GiteaItem,
  GiteaPullRequest,
  GiteaPullRequestHead,
  GiteaRepository,
  GiteaReview,
  GiteaUser,
} from './schema.ts';

/** Gitea's words into the domain's. */

export function toRepository(repository: GiteaRepository, forgeHost: string): Repository {
  return {
    ref: { forgeHost, id: repository.id, owner: repository.owner.login, name: repository.name },
    defaultBranch: repository.default_branch,
    cloneUrl: repository.clone_url,
    archived: repository.archived,
  };
}

export function toIssue(issue: GiteaIssue): Issue {
  return {
    number: issue.number,
    title: issue.title,
    body: issue.body,
    state: issue.state,
    url: issue.html_url,
    author: loginOf(issue.user),
    labels: issue.labels?.map((label) => label.name) ?? [],
    assignees: issue.assignees?.map((assignee) => assignee.login) ?? [],
  };
}

/** Its repository is on the host that people and webhooks know, which the API may not be called by. */
export function toItem(item: GiteaItem): ForgeItem {
  const { number, title, state, url, author, labels, assignees } = toIssue(item);
  return {
    number,
    title,
    state,
    url,
    author,
    labels,
    assignees,
    repository: { forgeHost: new URL(url).host, ...item.repository },
    isPullRequest: Boolean(item.pull_request),
    createdAt: item.created_at,
    changedAt: item.updated_at,
  };
}

/** By the type of a timeline's entry; undefined for all others. A merge has no `close` beside it. */
export function toStateChange(type: string): StateChange['change'] | undefined {
  switch (type) {
    case 'close':
    case 'merge_pull':
      return 'closed';
    case 'reopen':
      return 'reopened';
    default:
      return undefined;
  }
}

export function toPullRequest(pull: GiteaPullRequest): PullRequest {
  const head = toHead(pull.head);
  return {
    number: pull.number,
    title: pull.title,
    body: pull.body,
    state: pull.state,
    merged: pull.merged,
    url: pull.html_url,
    author: loginOf(pull.user),
    headBranch: head.branch,
    headRepositoryId: head.repositoryId,
    headCommit: pull.head.sha,
    baseBranch: pull.base.ref,
  };
}

export function toHead(head: GiteaPullRequestHead): PullRequestHead {
  return {
    branch: head.label === '' ? head.ref : head.label,
    repositoryId: head.repo_id > 0 ? head.repo_id : undefined,
  };
}

export function toComment(comment: GiteaComment): Comment {
  return {
    id: comment.id,
    kind: 'conversation',
    author: loginOf(comment.user),
    body: comment.body,
    createdAt: comment.created_at,
    edited: comment.updated_at !== comment.created_at,
    url: comment.html_url,
  };
}

/** Undefined for what is no submitted review: a draft, or the request of one. */
export function toVerdict(state: string): ReviewVerdict | undefined {
  switch (state) {
    case 'APPROVED':
      return 'approved';
    case 'REQUEST_CHANGES':
      return 'changes_requested';
    case 'COMMENT':
      return 'commented';
    default:
      return undefined;
  }
}

export function toReviewComment(review: GiteaReview, verdict: ReviewVerdict): Comment {
  return {
    id: review.id,
    kind: 'review',
    author: loginOf(review.user),
    body: review.body,
    createdAt: review.submitted_at,
    url: review.html_url,
    reviewId: review.id,
    verdict,
  };
}

export function toInlineComment(comment: GiteaInlineComment, reviewId: number): Comment {
  const line = comment.position || comment.original_position;
  return {
    ...toComment(comment),
    kind: 'inline',
    path: comment.path,
    ...(line > 0 && { line }),
    reviewId,
  };
}

export function toDirectoryEntry({ name, type, size }: GiteaDirectoryEntry): DirectoryEntry {
  switch (type) {
    case 'file':
      return { name, kind: 'file', size };
    case 'dir':
      return { name, kind: 'directory', size: 0 };
    case 'symlink':
      return { name, kind: 'link', size: 0 };
    case 'submodule':
      return { name, kind: 'submodule', size: 0 };
  }
}

/** Gitea shows what a deleted account wrote as `Ghost`, a name nobody can take. */
export function loginOf(user: GiteaUser): string {
  return user?.login ?? 'Ghost';
}
