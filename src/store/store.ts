import type { EgressSummary } from '../domain/egress.ts';
import type { CommentVerdict } from '../domain/comment-verdict.ts';
import type { ProviderName } from '../domain/agent.ts';
import type { TokenScope } from '../domain/api-token.ts';
import type { BackendName } from '../domain/bottle.ts';
import type { CommentKind, IssueRef, RepositoryRef } from '../domain/issue.ts';
import type { Notification, NotificationContent, NotifierName } from '../domain/notification.ts';
import type { Operation, OperationName } from '../domain/operation.ts';
import type { DoneStatus, Outcome, Phase, RunEnd, Status } from '../domain/run.ts';
import type { Budget, Usage } from '../domain/usage.ts';

/**
 * What Temporal should not hold: raw deliveries, forge state, comments, prompts, runs, the op log; the API's tokens; what people were told besides on the forge.
 * One SQLite file, opened by one process (WAL, `synchronous=FULL`): when a call has resolved, its effect survives a power cut.
 *
 * Every call is one transaction. Absent rows are `undefined`. Times are epoch milliseconds.
 */
export interface Store {
  readonly deliveries: DeliveryStore;
  readonly repositories: RepositoryStore;
  readonly issues: IssueStore;
  readonly comments: CommentStore;
  readonly runs: RunStore;
  readonly operations: OperationStore;
  readonly apiTokens: ApiTokenStore;
  readonly notifications: NotificationStore;
  readonly stateChanges: StateChangeStore;
  readonly reconcile: ReconcileStore;
  close(): Promise<void>;
}

/** Deliveries, by webhook or found by a reconcile, each until it has reached its workflow. */
export interface DeliveryStore {
  /** Idempotent by digest: the second `add` of a body changes nothing and says so. */
  add(delivery: NewDelivery): Promise<{ sequence: number; known: boolean }>;
  /** The oldest delivery that waits, of each issue that is not in `busy`, due now. */
  nextDue(now: number, busy: ReadonlySet<string>, limit: number): Promise<readonly Delivery[]>;
  markDispatched(sequence: number): Promise<void>;
  markIgnored(sequence: number, reason: string): Promise<void>;
  /** A permanent error: set aside, visible, holding back nobody. */
  setAside(sequence: number, reason: string): Promise<void>;
  /** A passing error: stays first of its issue, tried again at `dueAt`. */
  postpone(sequence: number, reason: string, dueAt: number): Promise<void>;
  /** Newest first. */
  list(filter: DeliveryFilter): Promise<readonly ListedDelivery[]>;
  /**
   * Empties headers and body of those that wait no more and were received before a time; of 1,000 at once, the oldest
   * first. What became of them stays, and their digest: one that comes once more is known.
   */
  emptySettled(receivedBefore: number): Promise<void>;
}

/** What is not given is not asked for. Times are of the receipt: `since` is the first, `until` the first no more. */
export interface DeliveryFilter {
  readonly state?: DeliveryState | undefined;
  readonly repository?: Pick<RepositoryRef, 'id'> | undefined;
  /** Of the repository. */
  readonly issue?: number | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Only what comes after this sequence number in the list. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** Who told us: the forge at once, or a reconcile that asked it. A reconcile's body is a `ForgeEvent` in JSON. */
export type DeliverySource = 'webhook' | 'reconcile';

export type DeliveryState = 'waiting' | 'dispatched' | 'ignored' | 'set-aside';

export interface NewDelivery {
  /**
   * SHA-256 (hex) of the signed body: a redelivery has the same one, whatever its id. A reconcile's is of what names
   * the event: found twice, it is the same delivery.
   */
  readonly digest: string;
  /** The forge's id of this delivery, for people; empty when a reconcile found it. */
  readonly deliveryId: string;
  readonly event: string;
  /** Order is kept within it: `<repository id>/<issue number>`. */
  readonly orderKey: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly receivedAt: number;
  /** Deliveries that mean nothing are kept too, as ignored. */
  readonly ignoredReason?: string;
  /** Default: `webhook`. */
  readonly source?: DeliverySource;
}

export interface Delivery {
  /** Grows in the order of arrival, with gaps: the number signals carry. */
  readonly sequence: number;
  readonly digest: string;
  readonly deliveryId: string;
  readonly event: string;
  readonly orderKey: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly receivedAt: number;
  readonly state: DeliveryState;
  readonly reason: string | undefined;
  readonly attempts: number;
  readonly source: DeliverySource;
}

/** Bodies may be large, and a list has many. */
export type ListedDelivery = Omit<Delivery, 'headers' | 'body'>;

/** Names change, ids stay: workflow ids are made of the first-seen name. */
export interface RepositoryStore {
  /**
   * Records the repository as it is named now, and gives it with its first-seen name. Where another repository was
   * first seen under that name (renamed or deleted since), it is `name~2`, `name~3`, …: good for a workflow's id and
   * as a key, while forges are asked by the current name.
   */
  see(current: RepositoryRef): Promise<{ firstSeen: RepositoryRef; current: RepositoryRef }>;
  byId(
    forgeHost: string,
    id: number,
  ): Promise<{ firstSeen: RepositoryRef; current: RepositoryRef } | undefined>;
  /** Those that changed their name last come last. */
  all(): Promise<readonly { firstSeen: RepositoryRef; current: RepositoryRef }[]>;
  /** By any name it is or was first known under, the present one first; letter case does not matter. */
  byName(
    owner: string,
    name: string,
  ): Promise<{ firstSeen: RepositoryRef; current: RepositoryRef } | undefined>;
  /** Whether people were told of something that is said once for a whole repository. */
  wasTold(repositoryId: number, what: string): Promise<boolean>;
  markTold(repositoryId: number, what: string): Promise<void>;
}

/**
 * The table `forge_state`: one row per issue, that of its newest life; and what lives leave behind. An issue is named
 * by its repository's first-seen name, here and in `RunStore`.
 */
export interface IssueStore {
  /** Creates or replaces the row when a life begins: `queued`, run 0. `lastSequence` is kept across lives. */
  beginLife(record: NewLife): Promise<void>;
  /**
   * Idempotent. Changes only the given fields; a change of phase sets `since`; `lastCheckinAt` and `lastSequence` only
   * grow. Without a row nothing happens.
   */
  update(issue: IssueRef, change: IssueChange): Promise<void>;
  read(issue: IssueRef): Promise<IssueRecord | undefined>;
  bySlug(slug: string): Promise<IssueRecord | undefined>;
  all(): Promise<readonly IssueRecord[]>;
  /** The latest change of phase first. */
  list(filter: IssueFilter): Promise<readonly IssueRecord[]>;
  /** An event found the issue to be no target: a later target may begin another life. The first time stays. */
  markUntargeted(issue: IssueRef, at: number): Promise<void>;
  /** It is a target again: what was marked is forgotten. */
  markTargeted(issue: IssueRef): Promise<void>;
  /** Since when, or undefined when a life has begun since or it never was. */
  untargetedSince(issue: IssueRef): Promise<number | undefined>;
}

/** What is not given is not asked for. Times are of the change of phase: `since` is the first, `until` the first no more. */
export interface IssueFilter {
  readonly phases?: readonly Phase[] | undefined;
  readonly statuses?: readonly Status[] | undefined;
  readonly repository?: RepositoryRef | undefined;
  readonly agents?: readonly string[] | undefined;
  readonly outcomes?: readonly Outcome[] | undefined;
  /** Whether a person should know or do something. */
  readonly attention?: boolean | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Only what comes after this issue in the list. */
  readonly after?: { readonly since: number; readonly slug: string } | undefined;
  readonly limit: number;
}

export interface NewLife {
  readonly issue: IssueRef;
  readonly workflowId: string;
  readonly life: number;
  readonly slug: string;
  readonly title: string;
  readonly url: string;
  readonly agentName: string;
  readonly bottleNames: readonly string[];
  readonly backendName: BackendName;
  readonly agentGitUser: string;
  readonly branch: string;
  readonly prNumber: number | undefined;
  readonly beganAt: number;
}

export interface IssueChange {
  readonly phase?: Phase;
  readonly prNumber?: number;
  readonly prMerged?: boolean;
  readonly lastCheckinAt?: number;
  readonly outcome?: Outcome;
  readonly run?: number;
  readonly lastSequence?: number;
  /** What a person should know or do, e.g. why a launch failed; null clears it. */
  readonly attention?: string | null;
  /** When it goes on by itself; null when it does not. */
  readonly parkedUntil?: number | null;
}

export interface IssueRecord extends NewLife {
  readonly phase: Phase;
  /** Derived from the phase. */
  readonly status: Status | undefined;
  readonly since: number;
  readonly prMerged: boolean;
  readonly lastCheckinAt: number | undefined;
  readonly outcome: Outcome | undefined;
  readonly run: number;
  /** Highest sequence number its workflow has handled. */
  readonly lastSequence: number;
  readonly attention: string | undefined;
  readonly parkedUntil: number | undefined;
}

/** Which comments count, and which run has read them. Texts stay on the forge until a prompt quotes them. */
export interface CommentStore {
  /** Idempotent by (repository, kind, id). */
  record(comment: NewComment): Promise<void>;
  /** The newest editor decides with the author whether a text counts. */
  recordEdit(repositoryId: number, id: number, verdict: CommentVerdict): Promise<void>;
  /** Ids the orchestrator or one of its agents posted. */
  recordOwn(repositoryId: number, id: number): Promise<void>;
  isOwn(repositoryId: number, id: number): Promise<boolean>;
  /**
   * Sequence number of the delivery that recorded it: a delivery that is handled again knows its own comments.
   * Conversation and inline comments share their ids, reviews have their own.
   */
  recordedBy(repositoryId: number, kind: CommentKind, id: number): Promise<number | undefined>;
  /** What became of a command in a comment; undefined until that is known. */
  commandVerdict(repositoryId: number, id: number): Promise<CommandVerdict | undefined>;
  /** The first one stays. Without a recorded comment nothing happens. */
  recordCommandVerdict(repositoryId: number, id: number, verdict: CommandVerdict): Promise<void>;
  /** Accepted and read by no run yet, or taken by this very run before; oldest first. Marks them as read by it. */
  takeUnread(issue: IssueRef, slug: string, run: number): Promise<readonly CommentRecord[]>;
  /** What `takeUnread` has marked for this run. */
  takenBy(slug: string, run: number): Promise<readonly CommentRecord[]>;
  /** What the runs of a life before this one have taken, oldest first. */
  takenBefore(slug: string, run: number): Promise<readonly CommentRecord[]>;
  /** Gives back what a run took that never began. */
  giveBack(slug: string, run: number): Promise<void>;
}

export type CommandVerdict =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly reason: string };

export interface NewComment {
  /** The issue it belongs to; for a comment below a PR, the issue of the PR's branch. */
  readonly issue: IssueRef;
  /** Number of the issue or PR it is below. */
  readonly on: number;
  readonly kind: CommentKind;
  readonly id: number;
  readonly author: string;
  readonly sequence: number;
  readonly verdict: CommentVerdict;
}

export interface CommentRecord {
  readonly on: number;
  readonly kind: CommentKind;
  readonly id: number;
  readonly author: string;
  readonly sequence: number;
}

/** The provenance of each run, unsigned as yet, and its prompt. */
export interface RunStore {
  /** Idempotent by (slug, run); the latest call before the agent starts wins, also over an end without a start. */
  prepare(run: NewRun): Promise<void>;
  started(slug: string, run: number, at: number): Promise<void>;
  /** The first end stays. */
  ended(slug: string, run: number, end: RunEnd): Promise<void>;
  done(slug: string, run: number, status: DoneStatus, summary: string): Promise<void>;
  /** The conversation of this run; the latest call wins. */
  session(slug: string, run: number, id: string): Promise<void>;
  /** What the whole run has used until now. After its end nothing changes. */
  usage(slug: string, run: number, usage: Usage): Promise<void>;
  /** The newest conversation of a life, and whose it is. */
  sessionOf(
    slug: string,
  ): Promise<{ readonly session: string; readonly provider: ProviderName } | undefined>;
  /** What the runs of a life before this one have used together. */
  spentBy(slug: string, beforeRun: number): Promise<Usage>;
  read(slug: string, run: number): Promise<RunRecord | undefined>;
  /** The oldest first. */
  ofIssue(issue: IssueRef): Promise<readonly RunRecord[]>;
  /** Of all issues, the newest first. */
  list(filter: RunFilter): Promise<readonly RunRecord[]>;
  prompt(slug: string, run: number): Promise<string | undefined>;
}

/** What is not given is not asked for. Times are those of `preparedAt`: `since` is the first, `until` the first no more. */
export interface RunFilter {
  readonly repository?: RepositoryRef | undefined;
  readonly agents?: readonly string[] | undefined;
  readonly outcomes?: readonly Outcome[] | undefined;
  /** Whether the run has ended. */
  readonly ended?: boolean | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Only what comes after this run in the list. */
  readonly after?:
    | { readonly preparedAt: number; readonly slug: string; readonly run: number }
    | undefined;
  readonly limit: number;
}

export interface NewRun {
  readonly issue: IssueRef;
  readonly slug: string;
  readonly life: number;
  readonly run: number;
  readonly agentName: string;
  readonly bottleNames: readonly string[];
  readonly backendName: BackendName;
  readonly hostId: string;
  readonly prompt: string;
  /** SHA-256 (hex) of the prompt. */
  readonly promptDigest: string;
  readonly cause: string;
  readonly provider: ProviderName;
  /** As the manifest names it; undefined: the provider's own choice. */
  readonly model: string | undefined;
  /** As the manifests gave them at the launch. */
  readonly runBudget: Budget;
  readonly issueBudget: Budget;
  /** SHA-256 (hex) of the manifests; undefined for a run of an orchestrator that did not record it. */
  readonly manifestDigest: string | undefined;
}

export interface RunRecord extends Omit<NewRun, 'prompt'> {
  readonly preparedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly outcome: Outcome | undefined;
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly doneStatus: DoneStatus | undefined;
  readonly doneSummary: string | undefined;
  readonly watchdogFired: boolean;
  readonly session: string | undefined;
  /** Undefined when the run has no model. */
  readonly usage: Usage | undefined;
  readonly turns: number | undefined;
  /** The last thing that the agent said. */
  readonly message: string | undefined;
  /** The agent's program reported that it failed. */
  readonly failed: boolean;
  readonly parkedUntil: number | undefined;
  /** Undefined when it asked for no other host. */
  readonly egress: EgressSummary | undefined;
}

/** The op log as relayed from the journals. */
export interface OperationStore {
  /**
   * Unique on (slug, run, sequence): a repeated row changes nothing. Rows and the cursor in one transaction.
   * @throws Error when a sequence number is missing before or among them; then nothing is appended
   */
  append(slug: string, run: number, operations: readonly Operation[]): Promise<void>;
  /** The cursor: the last sequence number appended; 0 for none. */
  lastSequence(slug: string, run: number): Promise<number>;
  /** Ordered by run and sequence. */
  ofSlug(
    slug: string,
    filter?: OperationFilter,
  ): Promise<readonly (Operation & { readonly run: number })[]>;
}

/** What is not given is not asked for. `since` is the first time, `until` the first no more. */
export interface OperationFilter {
  readonly run?: number | undefined;
  readonly operations?: readonly OperationName[] | undefined;
  readonly outcomes?: readonly Operation['outcome'][] | undefined;
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Only what comes after this entry. */
  readonly after?: { readonly run: number; readonly sequence: number } | undefined;
  readonly limit?: number | undefined;
}

/** Tokens of the API, besides the one in its file. What is kept of a token does not let anybody in. */
export interface ApiTokenStore {
  /** False when the name is taken. */
  add(token: NewApiToken): Promise<boolean>;
  /** Expired ones too. */
  byDigest(digest: string): Promise<ApiTokenRecord | undefined>;
  /** By name, expired ones too. */
  all(): Promise<readonly ApiTokenRecord[]>;
  used(digest: string, at: number): Promise<void>;
  /** False when there is none of this name. */
  remove(name: string): Promise<boolean>;
}

export interface NewApiToken {
  /** Letter case does not tell two apart. */
  readonly name: string;
  /** SHA-256 (hex) of the token. */
  readonly digest: string;
  readonly scope: TokenScope;
  readonly createdAt: number;
  /** Undefined: never. */
  readonly expiresAt: number | undefined;
}

export interface ApiTokenRecord extends NewApiToken {
  readonly lastUsedAt: number | undefined;
}

/** What people are told besides on the forge: each subject once, for as long as it is so. */
export interface NotificationStore {
  /** False, and nothing changes, when people were told of the subject and it is not over. */
  add(notification: NewNotification): Promise<boolean>;
  /**
   * What the subject is about has ended: from an hour later on people are told again. What comes back within the hour is
   * the same: it comes and goes. Idempotent.
   */
  over(subject: string, at: number): Promise<void>;
  /** Subjects that begin so and are not over, with the time at which people were told. */
  lasting(prefix: string): Promise<readonly { subject: string; raisedAt: number }[]>;
  read(id: string): Promise<Notification | undefined>;
  /** What no workflow has yet, the oldest first. */
  waiting(): Promise<readonly Notification[]>;
  markHandedOver(id: string): Promise<void>;
  /** Idempotent: the first time stays. */
  markSent(id: string, notifier: NotifierName, at: number): Promise<void>;
  isSent(id: string, notifier: NotifierName): Promise<boolean>;
}

export interface NewNotification extends NotificationContent {
  /** What it is about: `run/<slug>/<run>`, say. */
  readonly subject: string;
  readonly raisedAt: number;
}

export type StateChangeKind = 'closed' | 'reopened';

/**
 * The newest closing and reopening of each issue and pull request that anybody told us of, so that one is not taken for
 * another: it may be found by a reconcile, come by webhook, and be delivered once more by hand.
 */
export interface StateChangeStore {
  /**
   * Records a change. False when it is known: told by another delivery before, or older than what was.
   * Idempotent by `sequence`.
   * @param change `at` in epoch milliseconds by the forge's clock; within 2 s it is the same change
   */
  see(change: {
    readonly repositoryId: number;
    readonly number: number;
    readonly change: StateChangeKind;
    readonly at: number;
    readonly sequence: number;
  }): Promise<boolean>;
  /** Whether a delivery that told of it would be known. */
  isKnown(
    repositoryId: number,
    number: number,
    change: StateChangeKind,
    at: number,
  ): Promise<boolean>;
}

/** How far a reconcile has come, and what it did. Times by the forge's clock but for those of turns. */
export interface ReconcileStore {
  /** By repository id: until when everything that was changed there has been looked at. */
  cursors(): Promise<ReadonlyMap<number, number>>;
  /** Moves cursors, never back, and forgets the looks that no listing will ask for again. */
  moveCursors(repositoryIds: readonly number[], since: number): Promise<void>;
  /** Whether an item as it was changed last has been looked at for good. */
  isSettled(item: ReconciledItem): Promise<boolean>;
  /**
   * An item was looked at. The forge's clock has whole seconds, so that it may change unseen within one: the look counts
   * for good when an earlier one, begun 2 s before, found the item changed at the same time.
   * @param beganAt when the look began, by our clock
   */
  recordLook(item: ReconciledItem, beganAt: number): Promise<void>;
  /** A commit of a pull request has been given our status; the latest one counts. */
  recordShown(repositoryId: number, number: number, headCommit: string): Promise<void>;
  /** Undefined where no commit was ever given one. */
  shownCommit(repositoryId: number, number: number): Promise<string | undefined>;
  /** Keeps the newest 1,000. */
  recordTurn(turn: ReconcileTurn): Promise<void>;
  /** Newest first. */
  turns(limit: number): Promise<readonly ReconcileTurn[]>;
}

export interface ReconciledItem {
  readonly repositoryId: number;
  readonly number: number;
  readonly changedAt: number;
}

export interface ReconcileTurn {
  /** By our clock, as `endedAt`. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** Requests that the forge was sent. */
  readonly requests: number;
  /** Issues and pull requests. */
  readonly lookedAt: number;
  /** How many of which event nobody had told of. */
  readonly found: Readonly<Record<string, number>>;
  /** Why it ended early; what it did not get to is for the next one. */
  readonly problem: string | undefined;
}
