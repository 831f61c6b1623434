import { ForgeNotFoundError, ForgeRefusedError } from '../domain/errors.ts';
import type { Comment, IssueRef, PullRequest, RepositoryRef } from '../domain/issue.ts';
import { agentLabelPrefix } from '../domain/targeting.ts';
import type { Forge, ForgeItem, StateChange } from '../forges/forge.ts';
import type { ForgeEvent, PullRequestHead } from '../forges/webhook.ts';
import type { IssueRecord, Store } from '../store/store.ts';

/** An issue that has changed on the forge, itself or below its pull requests. */
export interface ChangedIssue {
  /** With the repository's first-seen name. */
  readonly issue: IssueRef;
  /** As it is named now. */
  readonly repository: RepositoryRef;
  /** Its newest life; undefined when it had none. */
  readonly record: IssueRecord | undefined;
  /** The issue itself, if it has changed. */
  item?: ForgeItem;
  readonly pullRequests: { readonly item: ForgeItem; readonly pull: PullRequest }[];
}

/** Something that happened and that nobody told of. */
export interface FoundEvent {
  readonly event: ForgeEvent;
  /** What tells it from every other event of its type on the same issue or pull request. */
  readonly key: string;
}

/**
 * Compares a changed issue with what the store says was seen of it, and gives what nobody told of, oldest first. State is
 * compared, not events: what was done and undone meanwhile is not found, with the exception of comments, which are known
 * one by one.
 * @param since changes of state before it were compared before; epoch milliseconds by the forge's clock
 */
export type Comparison = (
  changed: ChangedIssue,
  since: number | undefined,
) => Promise<readonly FoundEvent[]>;

/** Make one for each turn: it asks once who is a member of the org. */
export function createComparison(ports: {
  readonly forge: Forge;
  readonly store: Store;
  readonly org: string;
}): Comparison {
  const { forge, store, org } = ports;
  const members = new Map<string, Promise<boolean>>();

  return async (changed, since) => {
    const found: FoundEvent[] = [];
    if (changed.item !== undefined) {
      found.push(...(await missedOfIssue(changed, changed.item, since)));
    }
    for (const { item, pull } of changed.pullRequests) {
      found.push(...(await missedOfPullRequest(changed, item, pull, since)));
    }
    return found.toSorted((one, other) => one.event.at - other.event.at);
  };

  async function missedOfIssue(
    changed: ChangedIssue,
    item: ForgeItem,
    since: number | undefined,
  ): Promise<FoundEvent[]> {
    const { issue, repository, record } = changed;
    const found = await missedComments(changed, item, undefined);
    const about = aboutItem(repository, item);
    const asked = await isAskedFor(item);
    if (record === undefined) {
      if (asked && item.state === 'open') {
        // Behind its comments, which the first run is to find.
        const event = { ...about, type: 'issue', action: 'opened' } as const;
        found.push({ event, key: `opened ${item.changedAt}` });
      }
      return found;
    }
    const change = await missedStateChange(repository, item, since);
    const ended = record.phase === 'destroyed';
    if (
      change?.change === 'reopened' ||
      // What has run is kept whatever becomes of the issue.
      (change?.change === 'closed' && !ended && !(await hasRun(record)))
    ) {
      const { change: action, by: sender, at } = change;
      found.push({
        event: { ...about, type: 'issue', action, sender, at },
        key: `${action} ${at}`,
      });
    }
    const seenAsked = (await store.issues.untargetedSince(issue)) === undefined;
    if (asked !== seenAsked && !(ended && item.state === 'closed')) {
      found.push({
        event: { ...about, type: 'issue', action: 'labelled' },
        key: `labelled ${item.changedAt}`,
      });
    }
    return found;
  }

  async function missedOfPullRequest(
    changed: ChangedIssue,
    item: ForgeItem,
    pull: PullRequest,
    since: number | undefined,
  ): Promise<FoundEvent[]> {
    const { repository, record } = changed;
    const head = { branch: pull.headBranch, repositoryId: pull.headRepositoryId };
    const found = await missedComments(changed, item, head);
    const change = await missedStateChange(repository, item, since);
    const itsOwn =
      record?.branch === pull.headBranch && (record.prNumber ?? pull.number) === pull.number;
    if (
      change?.change === 'reopened' ||
      (change?.change === 'closed' && itsOwn && record.phase !== 'destroyed')
    ) {
      const { change: action, by: sender, at } = change;
      const { merged } = pull;
      found.push({
        event: {
          ...aboutItem(repository, item),
          type: 'pull_request',
          action,
          merged,
          head,
          sender,
          at,
        },
        key: `${action} ${at}`,
      });
    } else if (itsOwn && item.state === 'open' && record.phase !== 'destroyed') {
      const about = {
        ...aboutItem(repository, item),
        type: 'pull_request',
        merged: false,
      } as const;
      const { headCommit } = pull;
      const shown = await store.reconcile.shownCommit(repository.id, item.number);
      if (record.prNumber === undefined) {
        const event = { ...about, action: 'opened', head, at: item.createdAt } as const;
        found.push({ event, key: 'opened' });
      } else if (shown !== undefined && shown !== headCommit) {
        const event = { ...about, action: 'synchronized', head } as const;
        found.push({ event, key: `synchronized ${headCommit}` });
      }
    }
    return found;
  }

  /** The last change of state, if it is the one that made the item what it is and nobody told of it. */
  async function missedStateChange(
    repository: RepositoryRef,
    { number, state }: ForgeItem,
    since: number | undefined,
  ): Promise<StateChange | undefined> {
    const last = (await forge.listStateChanges(repository, number, since)).at(-1);
    return last !== undefined &&
      (last.change === 'closed') === (state === 'closed') &&
      !(await store.stateChanges.isKnown(repository.id, number, last.change, last.at))
      ? last
      : undefined;
  }

  /** Comments one by one; of reviews and their inline comments, one event per reviewer. */
  async function missedComments(
    { repository, record }: ChangedIssue,
    item: ForgeItem,
    head: PullRequestHead | undefined,
  ): Promise<FoundEvent[]> {
    const found: FoundEvent[] = [];
    const isOld = ({ createdAt }: Comment): boolean =>
      record === undefined || Date.parse(createdAt) < wholeSeconds(record.beganAt);
    const reviewed = new Map<string, Comment[]>();
    for (const comment of await forge.listComments(repository, item.number)) {
      const { kind, author } = comment;
      if (await isSeen(repository.id, comment)) {
        continue;
      }
      if (kind === 'conversation') {
        found.push(foundComment(repository, item, head, comment, isOld(comment)));
      } else {
        reviewed.set(author, [...(reviewed.get(author) ?? []), comment]);
      }
    }
    if (head !== undefined) {
      for (const [author, comments] of reviewed) {
        found.push(foundReview(repository, item, head, author, comments, comments.every(isOld)));
      }
    }
    return found;
  }

  async function isSeen(repositoryId: number, { kind, id }: Comment): Promise<boolean> {
    return (
      (await store.comments.recordedBy(repositoryId, kind, id)) !== undefined ||
      (kind !== 'review' && (await store.comments.isOwn(repositoryId, id)))
    );
  }

  /** Whether label and assignee ask for an agent. That it can be had, and who may ask, is judged when it begins. */
  async function isAskedFor({ labels, assignees }: ForgeItem): Promise<boolean> {
    if (!labels.some((label) => label.startsWith(agentLabelPrefix))) {
      return false;
    }
    for (const login of assignees) {
      const asking = members.get(login) ?? isMember(login);
      members.set(login, asking);
      if (await asking) {
        return true;
      }
    }
    return false;
  }

  /** @throws ForgeRefusedError for an org that is not there: a mistake in a setting, and nothing that is gone */
  async function isMember(login: string): Promise<boolean> {
    try {
      return await forge.isOrgMember(org, login);
    } catch (error) {
      throw error instanceof ForgeNotFoundError
        ? new ForgeRefusedError(`the forge has no org ${org}`, { cause: error })
        : error;
    }
  }

  async function hasRun({ issue, slug }: IssueRecord): Promise<boolean> {
    const runs = await store.runs.ofIssue(issue);
    return runs.some((run) => run.slug === slug && run.startedAt !== undefined);
  }
}

function foundComment(
  repository: RepositoryRef,
  item: ForgeItem,
  head: PullRequestHead | undefined,
  { id, author, body, createdAt, edited }: Comment,
  beforeLife: boolean,
): FoundEvent {
  return {
    event: {
      ...aboutItem(repository, item),
      type: 'comment',
      action: 'created',
      commentId: id,
      author,
      sender: author,
      body,
      head,
      ...(edited === true && { edited }),
      beforeLife,
      at: Date.parse(createdAt),
    },
    key: `comment ${id}`,
  };
}

function foundReview(
  repository: RepositoryRef,
  item: ForgeItem,
  head: PullRequestHead,
  author: string,
  comments: readonly Comment[],
  beforeLife: boolean,
): FoundEvent {
  const verdict = comments.findLast((comment) => comment.verdict !== undefined)?.verdict;
  return {
    event: {
      ...aboutItem(repository, item),
      type: 'review',
      verdict: verdict ?? 'commented',
      head,
      beforeLife,
      sender: author,
      at: Math.max(...comments.map(({ createdAt }) => Date.parse(createdAt))),
    },
    key: comments.map(({ kind, id }) => `${kind} ${id}`).join(),
  };
}

/** The forge's clock has no smaller unit. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}

function aboutItem(
  repository: RepositoryRef,
  { number, title, url, author, changedAt }: ForgeItem,
): Pick<ForgeEvent, 'repository' | 'number' | 'title' | 'url' | 'sender' | 'at'> {
  return { repository, number, title, url, sender: author, at: changedAt };
}
