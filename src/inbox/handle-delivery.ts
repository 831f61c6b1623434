import { parseCommentCommand } from '../domain/comment-command.ts';
import { type CommentVerdict, isOwnComment, judgeComment } from '../domain/comment-verdict.ts';
import type { Comment, IssueRef, RepositoryRef } from '../domain/issue.ts';
import { issueOfOrderKey } from '../domain/order-key.ts';
import type { ForgeDirectory } from '../forges/forge.ts';
import { isTrusted } from '../domain/trust.ts';
import type { ForgeEvent, IgnoredEvent, WebhookParser } from '../forges/webhook.ts';
import type { Delivery, Store } from '../store/store.ts';
import type { CommentEvent } from '../workflows/messages.ts';
import { commentCommands, type CommentCommandParts } from './comment-commands.ts';
import type { WorkflowEvent, WorkflowSignals } from './workflow-signals.ts';

export interface DeliveryHandlerParts extends CommentCommandParts {
  readonly store: Pick<Store, 'repositories' | 'issues' | 'comments' | 'stateChanges'>;
  readonly parser: WebhookParser;
  readonly forge: CommentCommandParts['forge'] & Pick<ForgeDirectory, 'isOrgMember' | 'canWrite'>;
  readonly signals: WorkflowSignals;
  /** Whether we put labels on issues that have a life. */
  readonly labels: boolean;
  /** The org whose members may instruct agents in every repository. */
  readonly org: string;
}

export type Handled =
  | { readonly state: 'dispatched' }
  | { readonly state: 'ignored'; readonly reason: string };

type EventOf<Type extends ForgeEvent['type']> = Extract<ForgeEvent, { type: Type }>;

/**
 * Makes the function that brings one delivery to its workflow. Idempotent: handled again after a crash, a delivery
 * records and signals the same once more, which store and workflow know by its sequence number. What two deliveries
 * tell of, by webhook and found by a reconcile, say, counts once: comments are known by id, changes of state by time.
 * The function throws what parser, forge, store and signals throw.
 */
export function deliveryHandler(
  parts: DeliveryHandlerParts,
): (delivery: Delivery) => Promise<Handled> {
  const { store, parser, forge, signals, labels, org, log } = parts;
  const doCommand = commentCommands(parts);
  let ownLogin: string | undefined;

  return async (delivery) => {
    const event = eventOf(delivery);
    if (event.type === 'ignored') {
      return ignored(event.reason);
    }
    const { firstSeen } = await store.repositories.see(event.repository);
    const issue = { repository: firstSeen, number: issueOfOrderKey(delivery.orderKey) };
    switch (event.type) {
      case 'issue':
        return handleIssue(delivery, issue, event);
      case 'pull_request':
        return handlePullRequest(delivery, issue, event);
      case 'comment':
        return handleComment(delivery, issue, event);
      case 'review':
        return handleReview(delivery, issue, event);
    }
  };

  function eventOf({ source, headers, body }: Delivery): ForgeEvent | IgnoredEvent {
    return source === 'reconcile'
      ? (JSON.parse(new TextDecoder().decode(body)) as ForgeEvent)
      : parser.parse(headers, Buffer.from(body));
  }

  async function handleIssue(
    { sequence, source }: Delivery,
    issue: IssueRef,
    event: EventOf<'issue'>,
  ): Promise<Handled> {
    if (source === 'webhook' && (await isOurLabel(issue, event))) {
      return ignored('our own label: where a person shares our account, a reconcile finds theirs');
    }
    if (await isKnownChange(sequence, event)) {
      return ignored(alreadyTold);
    }
    const { action: said, sender, title, url, repository } = event;
    // Whoever wrote an issue may reopen it. Only who may write begins another life with that.
    const action =
      said === 'reopened' && !(await mayInstruct(repository, sender)) ? 'edited' : said;
    await signals.signalWithStart(issue, title, url, {
      signal: 'issue_event',
      event: { sequence, action, sender },
    });
    return { state: 'dispatched' };
  }

  /** Where an issue had no life we have not labelled it. */
  async function isOurLabel(
    issue: IssueRef,
    { action, sender }: EventOf<'issue'>,
  ): Promise<boolean> {
    return (
      labels &&
      action === 'labelled' &&
      sender === (await findOwnLogin()) &&
      (await store.issues.read(issue)) !== undefined
    );
  }

  async function handlePullRequest(
    { sequence }: Delivery,
    issue: IssueRef,
    told: EventOf<'pull_request'>,
  ): Promise<Handled> {
    if (await isKnownChange(sequence, told)) {
      return ignored(alreadyTold);
    }
    const { action, number, merged, sender, head, title, url, repository } = told;
    // Whoever may read can open a pull request of the bottle's branch, and close what they opened.
    if (!(await mayInstruct(repository, sender))) {
      return ignored(`${sender} may not write to the repository`);
    }
    const event: WorkflowEvent = {
      signal: 'pr_event',
      event: { sequence, action, number, branch: head.branch, merged, sender },
    };
    if (action !== 'reopened') {
      return signal(issue, event);
    }
    const record = await store.issues.read(issue);
    await signals.signalWithStart(issue, record?.title ?? title, record?.url ?? url, event);
    return { state: 'dispatched' };
  }

  async function handleComment(
    { sequence }: Delivery,
    issue: IssueRef,
    event: EventOf<'comment'>,
  ): Promise<Handled> {
    const { action, commentId: id, author, sender, body, number: on, repository } = event;
    const judged = await judge(repository, {
      author,
      editor: event.edited === true ? undefined : sender,
      body,
      ownById: await store.comments.isOwn(repository.id, id),
    });
    const command = judged.counts ? parseCommentCommand(body) : undefined;
    const verdict: CommentVerdict =
      command === undefined ? judged : { counts: false, reason: 'a command: no agent reads it' };
    if (action === 'edited') {
      await store.comments.recordEdit(repository.id, id, verdict);
      return ignored(
        verdict.counts ? 'an edit begins no run: the next one reads the new text' : verdict.reason,
      );
    }
    if (
      ((await store.comments.recordedBy(repository.id, 'conversation', id)) ?? sequence) !==
      sequence
    ) {
      return ignored(alreadyTold);
    }
    const comment = { kind: 'conversation', id, author, on, sequence } as const;
    await store.comments.record({ issue, ...comment, verdict });
    if (event.beforeLife === true) {
      return ignored(verdict.counts ? writtenBefore : verdict.reason);
    }
    if (command !== undefined) {
      const { title, url } = event;
      await doCommand({
        issue,
        repository,
        on,
        commentId: id,
        author,
        sequence,
        title,
        url,
        command,
      });
      return { state: 'dispatched' };
    }
    return verdict.counts ? signalComment(issue, comment) : ignored(verdict.reason);
  }

  /** One signal stands for the whole review: the workflow asks the store what is unread. */
  async function handleReview(
    { sequence, source }: Delivery,
    issue: IssueRef,
    { sender, number: on, repository, beforeLife }: EventOf<'review'>,
  ): Promise<Handled> {
    const fresh = await reviewComments(repository, on, sender, sequence);
    let first: { comment: Comment; verdict: CommentVerdict } | undefined;
    for (const comment of fresh) {
      const { kind, id, author, body, edited } = comment;
      // Who has just submitted a review may have changed it while it was a draft.
      const editor = source === 'reconcile' && edited === true ? undefined : sender;
      const verdict = await judge(repository, { author, editor, body, ownById: false });
      await store.comments.record({ issue, kind, id, author, on, sequence, verdict });
      if (first === undefined || (!first.verdict.counts && verdict.counts)) {
        first = { comment, verdict };
      }
    }
    if (first === undefined) {
      return ignored('a review without a text or an inline comment that is new');
    }
    const { comment, verdict } = first;
    const { kind, id, author } = comment;
    if (!verdict.counts || beforeLife === true) {
      return ignored(verdict.counts ? writtenBefore : verdict.reason);
    }
    return signalComment(issue, { sequence, kind, id, author, on });
  }

  /**
   * The sender's review texts, then inline comments, that no other delivery has recorded: a review's own id is not in
   * its delivery. Of two reviews in quick succession the first delivery may find both, the second then none.
   */
  async function reviewComments(
    repository: RepositoryRef,
    pullRequest: number,
    sender: string,
    sequence: number,
  ): Promise<readonly Comment[]> {
    const fresh: Comment[] = [];
    for (const comment of await forge.listComments(repository, pullRequest)) {
      if (comment.kind === 'conversation' || comment.author !== sender) {
        continue;
      }
      const by = await store.comments.recordedBy(repository.id, comment.kind, comment.id);
      if (by === undefined || by === sequence) {
        fresh.push(comment);
      }
    }
    return [
      ...fresh.filter(({ kind }) => kind === 'review'),
      ...fresh.filter(({ kind }) => kind === 'inline'),
    ];
  }

  /** Another delivery told of this closing or reopening; one of an issue or PR that is older than the newest is known too. */
  async function isKnownChange(
    sequence: number,
    { action: change, number, at, repository }: EventOf<'issue'> | EventOf<'pull_request'>,
  ): Promise<boolean> {
    return (
      (change === 'closed' || change === 'reopened') &&
      !(await store.stateChanges.see({ repositoryId: repository.id, number, change, at, sequence }))
    );
  }

  async function judge(
    repository: RepositoryRef,
    comment: Parameters<typeof judgeComment>[0],
  ): Promise<CommentVerdict> {
    const own = await findOwnLogin();
    const trusted = new Set<string>();
    if (!isOwnComment(comment, own)) {
      for (const login of new Set([comment.author, comment.editor ?? comment.author])) {
        if (await mayInstruct(repository, login)) {
          trusted.add(login);
        }
      }
    }
    return judgeComment(comment, own, trusted);
  }

  async function findOwnLogin(): Promise<string> {
    ownLogin ??= await forge.whoAmI();
    return ownLogin;
  }

  async function mayInstruct(repository: RepositoryRef, login: string): Promise<boolean> {
    return isTrusted(forge, org, await findOwnLogin(), repository, login, (reason) =>
      log.warn({ login, reason }, 'cannot tell who may write'),
    );
  }

  function signalComment(issue: IssueRef, event: CommentEvent): Promise<Handled> {
    return signal(issue, { signal: 'pr_comment', event });
  }

  async function signal(issue: IssueRef, event: WorkflowEvent): Promise<Handled> {
    const answer = await signals.signal(issue, event);
    return answer === 'delivered' ? { state: 'dispatched' } : ignored('no life is open');
  }
}

const alreadyTold = 'an earlier delivery told of it';
const writtenBefore =
  'written before the life began: its next run reads it, and none begins for it';

function ignored(reason: string): Handled {
  return { state: 'ignored', reason };
}
