import { createHash } from 'node:crypto';
import type { LaunchRequest } from '../../bottles/host.ts';
import {
  ForgeError,
  ForgeRefusedError,
  ForgeScopeError,
  ForgeUnavailableError,
} from '../../domain/errors.ts';
import type { Comment, Issue, PullRequest } from '../../domain/issue.ts';
import { commentMarker } from '../../domain/marker.ts';
import type { Forge } from '../../forges/forge.ts';

/**
 * The forge as one bottle may use it: everything in its repository can be read; written are its issue, the PR of this
 * life, and nothing else. People see each write once, also when the answer to the first try was lost.
 *
 * Writes are carried out one after the other.
 */
export interface ScopedForge {
  readIssue(number: number): Promise<Issue>;
  readPullRequest(number: number): Promise<PullRequest>;
  readComments(number: number): Promise<readonly Comment[]>;
  /** @throws ForgeScopeError */
  postComment(number: number, body: string): Promise<Comment>;
  /** Gives the item as it is now. @throws ForgeScopeError */
  updateDescription(number: number, body: string): Promise<Issue | PullRequest>;
  /**
   * Opens the PR of this life from the bottle's branch. An open one of the branch is updated with `body` and returned
   * instead; its title stays.
   * @throws ForgeScopeError when the PR of this life is closed
   */
  openPullRequest(title: string, body: string): Promise<PullRequest>;
}

export interface ScopedForgeOptions {
  readonly launch: LaunchRequest;
  /** The forge as it is known now, or undefined until there are credentials. */
  readonly forge: () => Forge | undefined;
  /** Records the PR of this life; called once for a number. */
  readonly onPullRequest: (number: number) => Promise<void>;
  /** Records a comment that was posted. When it fails the comment is as one whose answer was lost. */
  readonly onComment: (id: number) => Promise<void>;
}

export function createScopedForge({
  launch,
  forge,
  onPullRequest,
  onComment,
}: ScopedForgeOptions): ScopedForge {
  const { repository, issueNumber, branch } = launch;
  let pullRequestNumber = launch.pullRequestNumber;
  /** How often a text was posted: the same words may be wanted twice. By digest of number and body. */
  const posted = new Map<string, number>();
  /** Markers of comments that were sent and not answered for: they may be there. */
  const unanswered = new Set<string>();
  const oneByOne = createQueue();

  function connected(): Forge {
    const current = forge();
    if (current === undefined) {
      throw new ForgeUnavailableError('the forge is not connected yet');
    }
    return current;
  }

  async function adopt(pullRequest: PullRequest): Promise<void> {
    if (pullRequest.number !== pullRequestNumber) {
      await onPullRequest(pullRequest.number);
      pullRequestNumber = pullRequest.number;
    }
  }

  async function requireWritable(number: number): Promise<void> {
    if (number === issueNumber || number === pullRequestNumber) {
      return;
    }
    if (pullRequestNumber === undefined) {
      // It may have been opened by a run that did not live to record it.
      const open = await connected().findOpenPullRequest(repository, branch);
      if (open !== undefined) {
        await adopt(open);
        if (open.number === number) {
          return;
        }
      }
    }
    const own =
      pullRequestNumber === undefined
        ? `issue #${issueNumber}`
        : `issue #${issueNumber} and pull request #${pullRequestNumber}`;
    throw new ForgeScopeError(`#${number} is not yours to write: you may write to ${own} only`);
  }

  async function postComment(number: number, body: string): Promise<Comment> {
    await requireWritable(number);
    const text = sha256(`${number}\n${body}`);
    const before = posted.get(text) ?? 0;
    const marker = commentMarker({
      slug: launch.slug,
      run: launch.run,
      digest: sha256(`${text}\n${before}`).slice(0, 16),
    });
    const comment =
      (unanswered.has(marker) ? await findComment(number, marker) : undefined) ??
      (await createComment(number, `${body}\n\n${marker}`, marker));
    await onComment(comment.id);
    unanswered.delete(marker);
    posted.set(text, before + 1);
    return comment;
  }

  async function findComment(number: number, marker: string): Promise<Comment | undefined> {
    const comments = await connected().listComments(repository, number);
    return comments.find((comment) => comment.body.trimEnd().endsWith(marker));
  }

  async function createComment(number: number, body: string, marker: string): Promise<Comment> {
    const current = connected();
    unanswered.add(marker);
    try {
      return await current.createComment(repository, number, body);
    } catch (error) {
      if (error instanceof ForgeError && !(error instanceof ForgeUnavailableError)) {
        unanswered.delete(marker);
      }
      throw error;
    }
  }

  async function updateDescription(number: number, body: string): Promise<Issue | PullRequest> {
    await requireWritable(number);
    await connected().updateDescription(repository, number, body);
    return number === issueNumber
      ? connected().readIssue(repository, number)
      : connected().readPullRequest(repository, number);
  }

  async function openPullRequest(title: string, text: string): Promise<PullRequest> {
    const body = closing(text, launch);
    const open = await connected().findOpenPullRequest(repository, branch);
    if (open !== undefined) {
      return update(open, body);
    }
    if (pullRequestNumber !== undefined) {
      throw new ForgeScopeError(
        `your pull request #${pullRequestNumber} is closed, and there is one per bottle: a person may reopen it`,
      );
    }
    let made: PullRequest;
    try {
      made = await connected().createPullRequest(repository, {
        title,
        body,
        head: branch,
        base: repository.defaultBranch,
      });
    } catch (error) {
      if (!(error instanceof ForgeRefusedError)) {
        throw error;
      }
      // An earlier try may have arrived late, after the look for an open one.
      const late = await connected().findOpenPullRequest(repository, branch);
      if (late === undefined) {
        throw error;
      }
      return update(late, body);
    }
    await adopt(made);
    return made;
  }

  async function update(open: PullRequest, body: string): Promise<PullRequest> {
    await adopt(open);
    if (open.body === body) {
      return open;
    }
    await connected().updateDescription(repository, open.number, body);
    return connected().readPullRequest(repository, open.number);
  }

  return {
    readIssue: async (number) => connected().readIssue(repository, number),
    readPullRequest: async (number) => connected().readPullRequest(repository, number),
    readComments: async (number) => connected().listComments(repository, number),
    postComment: (number, body) => oneByOne(() => postComment(number, body)),
    updateDescription: (number, body) => oneByOne(() => updateDescription(number, body)),
    openPullRequest: (title, body) => oneByOne(() => openPullRequest(title, body)),
  };
}

/** The text, with "Closes #n" below it unless it says so already. */
function closing(text: string, { issueNumber, repository }: LaunchRequest): string {
  const words = 'close[sd]?|fix(?:e[sd])?|resolve[sd]?';
  const name = `${repository.owner}/${repository.name}`.replace(/[.]/g, '\\.');
  const closes = new RegExp(`\\b(?:${words}):?\\s+(?:${name})?#${issueNumber}\\b`, 'i');
  return closes.test(text) ? text : `${text.trimEnd()}\n\nCloses #${issueNumber}`.trimStart();
}

/** Runs what it is given in order, each when the one before has settled. */
function createQueue(): <T>(task: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const next = last.then(task);
    last = next.catch(() => undefined);
    return next;
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
