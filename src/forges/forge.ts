import type { CommitState } from '../domain/commit-state.ts';
import type { Comment, Issue, PullRequest, Repository, RepositoryRef } from '../domain/issue.ts';

/**
 * A code host. Split by who calls: `ForgeReader` and `ForgeWriter` act on items, `ForgeDirectory` answers who may do what,
 * `ForgeFiles` what lies on the default branch, `ForgeChanges` what has changed.
 *
 * For every method:
 * - Safe to call concurrently. No method retries: who calls decides (in an activity, Temporal's policy).
 * - Every request ends within 30 s, else `ForgeUnavailableError`.
 * - Errors are those of `domain/errors`: unavailable (no answer, 429, 5xx), not found, denied, refused, moved.
 * - A redirect of a read is followed; a redirect of a write is `ForgeMovedError`: never sent twice. So is a read that
 *   finds another repository under the name: after a rename anybody may take the old one.
 * - An answer that is not JSON of the expected form is `ForgeUnavailableError` (a proxy's error page, say).
 */
export interface Forge extends ForgeReader, ForgeWriter, ForgeDirectory, ForgeFiles, ForgeChanges {
  /** Host and port, as in `RepositoryRef.forgeHost`. */
  readonly host: string;
  /** How many requests this object has sent so far, redirects included. */
  readonly requests: number;
}

export interface ForgeReader {
  /** @throws ForgeNotFoundError also when the number is a pull request */
  readIssue(repository: RepositoryRef, number: number): Promise<Issue>;
  /** @throws ForgeNotFoundError when the number is an issue */
  readPullRequest(repository: RepositoryRef, number: number): Promise<PullRequest>;
  /**
   * All comments below an issue or PR, oldest first: conversation, submitted reviews with a text, and their
   * inline comments. Pages are read to the end. Pending reviews are left out.
   *
   * Tell new ones by kind and id, never by time: a review that was drafted for a while carries the time it was begun.
   */
  listComments(repository: RepositoryRef, number: number): Promise<readonly Comment[]>;
  /**
   * Who put a label on an issue last; undefined when it was never put there, or the forge does not tell. On a public
   * forge whoever opens an issue may be able to label it.
   */
  findLabeller(
    repository: RepositoryRef,
    number: number,
    label: string,
  ): Promise<string | undefined>;
  /** The open PR whose head is `branch` in the repository itself, or undefined. */
  findOpenPullRequest(repository: RepositoryRef, branch: string): Promise<PullRequest | undefined>;
  /** The newest PR, in any state, whose head is `branch` in the repository itself, or undefined. */
  findLatestPullRequest(
    repository: RepositoryRef,
    branch: string,
  ): Promise<PullRequest | undefined>;
}

/**
 * What has changed, asked in as few requests as the forge allows. Times are epoch milliseconds by the forge's clock.
 * A comment, a review, a label, an assignee, a push and a change of state are changes of an issue or PR; that a comment
 * was edited or deleted is none.
 */
export interface ForgeChanges {
  /** Every repository that the token's account may write to, by whatever right; without archived ones. */
  listWritableRepositories(): Promise<readonly RepositoryRef[]>;
  /** The open issues and PRs of a repository, in no particular order. */
  listOpenItems(repository: RepositoryRef): Promise<readonly ForgeItem[]>;
  /**
   * The issues and PRs, in any state and order, that were changed at `since` or later, of all repositories of an owner.
   * @throws ForgeNotFoundError when there is no such owner
   */
  listChangedItems(owner: string, since: number): Promise<readonly ForgeItem[]>;
  /** How an issue or PR was closed and reopened, oldest first; with `since` what happened then or later. */
  listStateChanges(
    repository: RepositoryRef,
    number: number,
    since?: number,
  ): Promise<readonly StateChange[]>;
}

/** An issue or PR as a listing tells of it. */
export interface ForgeItem extends Pick<
  Issue,
  'number' | 'title' | 'state' | 'url' | 'author' | 'labels' | 'assignees'
> {
  readonly repository: RepositoryRef;
  readonly isPullRequest: boolean;
  readonly createdAt: number;
  readonly changedAt: number;
}

export interface StateChange {
  /** A merge closes. */
  readonly change: 'closed' | 'reopened';
  readonly by: string;
  readonly at: number;
}

/** The default branch, as it is now. Paths have no slash at either end. */
export interface ForgeFiles {
  /**
   * What lies directly in a directory, by name. Empty when there is no such directory, or nothing
   * was ever pushed.
   */
  listDirectory(repository: RepositoryRef, path: string): Promise<readonly DirectoryEntry[]>;
  /**
   * A file of at most 1 MiB.
   * @throws ForgeNotFoundError when there is no such file: a directory, a symbolic link or a submodule is none
   * @throws ForgeRefusedError when it is larger
   */
  readFile(repository: RepositoryRef, path: string): Promise<Uint8Array>;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link' | 'submodule';
  /** Bytes of a file; 0 for everything else. */
  readonly size: number;
}

/**
 * Writes are not idempotent by themselves, unless they say so: callers look for a marker first where a write may have
 * happened.
 */
export interface ForgeWriter {
  /** Below an issue or a PR. */
  createComment(repository: RepositoryRef, number: number, body: string): Promise<Comment>;
  /**
   * Of the token's account, on a comment of kind `conversation`. Idempotent.
   * @throws ForgeNotFoundError when the comment is gone
   */
  addReaction(repository: RepositoryRef, commentId: number, reaction: Reaction): Promise<void>;
  /** Idempotent: what the newest status of its context says already is not said again. */
  setCommitStatus(repository: RepositoryRef, commit: string, status: CommitStatus): Promise<void>;
  /**
   * An issue or PR gets this label, or none, and loses every other whose name begins with `prefix`. Where there is no label of
   * the name, it is made. Idempotent.
   */
  replaceLabel(
    repository: RepositoryRef,
    number: number,
    prefix: string,
    label: LabelDraft | undefined,
  ): Promise<void>;
  /** Replaces the body of an issue or PR. */
  updateDescription(repository: RepositoryRef, number: number, body: string): Promise<void>;
  /**
   * @throws ForgeRefusedError when one is open for the branch already, or the branch has nothing new
   * @throws ForgeNotFoundError when there is no such branch
   */
  createPullRequest(
    repository: RepositoryRef,
    draft: { title: string; body: string; head: string; base: string },
  ): Promise<PullRequest>;
}

export interface CommitStatus {
  /** Whose it is: a commit has one status per context. */
  readonly context: string;
  readonly state: CommitState;
  readonly description: string;
  /** Where it leads. */
  readonly url: string | undefined;
}

export interface LabelDraft {
  readonly name: string;
  /** `#rrggbb` */
  readonly colour: string;
  readonly description: string;
  /** Of the labels with the same text up to the last slash an issue has one at most, where the forge knows that. */
  readonly exclusive: boolean;
}

/** Those that every forge knows. */
export type Reaction = '+1' | '-1' | 'confused';

export interface ForgeDirectory {
  /** The login the token belongs to. */
  whoAmI(): Promise<string>;
  /** Asked of the forge each time. @throws ForgeDeniedError when the token may not ask */
  isOrgMember(org: string, login: string): Promise<boolean>;
  /** True for write, admin and owner. False for an unknown login. */
  canWrite(repository: RepositoryRef, login: string): Promise<boolean>;
  readRepository(owner: string, name: string): Promise<Repository>;
  /** By the id that survives a rename. */
  readRepositoryById(id: number): Promise<Repository>;
}
