import type { BackendName } from '../domain/bottle.ts';
import type { IssueRef, Issue } from '../domain/issue.ts';
import type { CommandName } from '../domain/issue-command.ts';
import {
  isWaitedFor,
  type Outcome,
  type Phase,
  type RunEnd,
  type StopReason,
} from '../domain/run.ts';
import { utcTime } from '../domain/utc-time.ts';
import type {
  Command,
  CommentEvent,
  ExtendDeadline,
  IssueEvent,
  PullRequestEvent,
  SignalDone,
} from './messages.ts';

/**
 * What an issue goes through, as a plain reducer: `reduce` says what an event changes, `nextStep` what to do now,
 * `refusal` which commands make no sense. It does nothing itself; `issue-workflow` does.
 *
 * The state is plain JSON: `continueAsNew` carries it.
 */
export interface IssueState {
  readonly issue: IssueRef;
  readonly phase: Phase;
  /** Epoch milliseconds of the last change of phase. */
  readonly since: number;
  /** The strongest reason seen for a life to begin. */
  readonly cause: BeginCause;
  /** Undefined until the issue was read and found to be a target. */
  readonly life: Life | undefined;
  /** Number of the current or last run; 0 before the first. */
  readonly run: number;
  /** Why the current or next run begins, for people. */
  readonly runCause: string;
  /** The run that is watched now. */
  readonly running: RunningRun | undefined;
  /** True once any run of this life has executed its agent: there is something to keep. */
  readonly everRan: boolean;
  readonly lastEnd: LastEnd | undefined;
  readonly pullRequest: number | undefined;
  readonly pullRequestMerged: boolean;
  /** How often its head has moved. Absent: never. */
  readonly pushes?: number;
  /** Comments that no run has read; their texts are in the store. */
  readonly unread: readonly UnreadComment[];
  /** Epoch milliseconds at which the first unread comment came. */
  readonly unreadSince: number | undefined;
  /** Comments up to this sequence number are in a prompt already, also those whose signal comes late. */
  readonly readUpTo: number;
  /** Highest sequence number handled; lower ones are duplicates. */
  readonly lastSequence: number;
  /** The label or an assignee may have changed: ask the forge. */
  readonly recheck: boolean;
  /** The label or the assignee is away: nothing launches or resumes. */
  readonly held: boolean;
  /** The hold stopped a run, or the wait for its place: what is back resumes it. */
  readonly heldBack: boolean;
  /** Nothing launches until somebody approves. Absent: that is not asked for. */
  readonly awaitsApproval?: boolean;
  /** A person or a returned label asks for another run. */
  readonly resume: string | undefined;
  /** The current run, or the wait for its place, shall end. */
  readonly stop: StopReason | undefined;
  /** The bottle shall be destroyed, and why. */
  readonly destroy: string | undefined;
  /** Another life shall begin after this one. */
  readonly again: BeginCause | undefined;
  /** What happened to a pull request while the issue was being read: judged when its branch is known. */
  readonly early: PullRequestEvent | undefined;
  readonly timeline: readonly { readonly at: number; readonly text: string }[];
}

/** Only `reopened` and `retry` begin another life after one has ended; see SPEC §3.3. */
export type BeginCause = 'target' | 'reopened' | 'retry';

/** What stays the same for as long as the bottle lives. */
export interface Life {
  readonly number: number;
  readonly slug: string;
  readonly branch: string;
  readonly agent: string;
  readonly bottle: string;
  readonly backend: BackendName;
  readonly hostId: string;
  readonly title: Issue['title'];
  readonly url: Issue['url'];
}

/** Its clocks start when the workflow learns of the launch. */
export interface RunningRun {
  readonly deadlineAt: number;
  /** Proof of life as last probed; the start counts as one. */
  readonly lastCheckinAt: number;
  /** The agent has called `signal_done`. */
  readonly done: boolean;
}

export interface LastEnd {
  readonly outcome: Outcome;
  /** Somebody asked for it: they need not be told. */
  readonly askedFor: boolean;
  readonly exitCode: number | undefined;
  readonly doneStatus: string | undefined;
  /** The agent's program reported that it failed. */
  readonly failed?: boolean;
  /** Epoch milliseconds at which the issue goes on by itself; absent when it does not. */
  readonly parkedUntil?: number;
}

export interface UnreadComment {
  readonly sequence: number;
  readonly author: string;
}

export type StateEvent =
  | { readonly type: 'issue_event'; readonly event: IssueEvent }
  | { readonly type: 'pr_event'; readonly event: PullRequestEvent }
  | { readonly type: 'pr_comment'; readonly event: CommentEvent }
  | { readonly type: 'signal_done'; readonly event: SignalDone }
  | ({ readonly type: 'command'; readonly command: CommandName } & Command)
  | ({ readonly type: 'extended' } & ExtendDeadline)
  /** The issue is about to be read: what was said of it until now is covered by that. */
  | { readonly type: 'opening' }
  | {
      readonly type: 'opened';
      readonly life: Life;
      readonly pullRequest: number | undefined;
      /** Absent: it need not be approved. */
      readonly awaitsApproval?: boolean;
      /** The last sequence number that an earlier life handled. */
      readonly lastSequence: number;
    }
  /** The forge is about to be asked: what was said until now is covered by that. */
  | { readonly type: 'checking-target' }
  | { readonly type: 'target-checked'; readonly targeted: boolean; readonly closedCounts: boolean }
  | {
      readonly type: 'launched';
      readonly deadlineMs: number;
      readonly readUpTo: number;
    }
  /** Sealed without having begun: its number is used up. */
  | { readonly type: 'launch-failed'; readonly run: number; readonly reason: string }
  | { readonly type: 'launch-cancelled'; readonly run: number }
  | { readonly type: 'probed'; readonly lastCheckinAt: number }
  | { readonly type: 'ended'; readonly end: RunEnd; readonly pullRequest: number | undefined }
  | { readonly type: 'frozen' }
  | { readonly type: 'resuming' }
  | { readonly type: 'destroying' }
  | { readonly type: 'destroyed' };

export function beginState(
  issue: IssueRef,
  now: number,
  from: Pick<IssueState, 'cause' | 'lastSequence' | 'timeline'> = {
    cause: 'target',
    lastSequence: 0,
    timeline: [],
  },
): IssueState {
  return {
    issue,
    phase: 'queued',
    since: now,
    cause: from.cause,
    life: undefined,
    run: 0,
    runCause: 'the issue',
    running: undefined,
    everRan: false,
    lastEnd: undefined,
    pullRequest: undefined,
    pullRequestMerged: false,
    unread: [],
    unreadSince: undefined,
    readUpTo: 0,
    lastSequence: from.lastSequence,
    recheck: false,
    held: false,
    heldBack: false,
    resume: undefined,
    stop: undefined,
    destroy: undefined,
    again: undefined,
    early: undefined,
    timeline: from.timeline,
  };
}

/** Applies an event. Pure: the same state and event give the same state. Unknown or late events change nothing. */
export function reduce(state: IssueState, event: StateEvent, now: number): IssueState {
  switch (event.type) {
    case 'issue_event':
      return whenNew(state, event.event.sequence, (fresh) => onIssue(fresh, event.event, now));
    case 'pr_event':
      return whenNew(state, event.event.sequence, (fresh) =>
        onPullRequest(fresh, event.event, now),
      );
    case 'pr_comment':
      return whenNew(state, event.event.sequence, (fresh) => onComment(fresh, event.event, now));
    case 'signal_done':
      return onSignalDone(state, event.event, now);
    case 'command':
      return whenNewCommand(state, event.sequence, (fresh) =>
        onCommand(fresh, event.command, event.by, now),
      );
    case 'extended':
      return whenNewCommand(state, event.sequence, (fresh) => onExtended(fresh, event, now));
    case 'opening':
    case 'checking-target':
      return { ...state, recheck: false };
    case 'opened': {
      const opened = told(
        {
          ...state,
          life: event.life,
          pullRequest: event.pullRequest,
          ...(event.awaitsApproval === true && { awaitsApproval: true }),
          lastSequence: Math.max(state.lastSequence, event.lastSequence),
        },
        now,
        `life ${event.life.number}: queued for agent ${event.life.agent}${event.awaitsApproval === true ? ', waiting for approval' : ''}`,
      );
      return opened.early === undefined
        ? opened
        : onPullRequest({ ...opened, early: undefined }, opened.early, now);
    }
    case 'target-checked':
      return onTargetChecked(state, event, now);
    case 'launched':
      return onLaunched(state, event, now);
    case 'launch-failed':
      return enter(
        // What was unread stays unread, but only a new comment or a command tries again.
        {
          ...state,
          run: event.run,
          stop: undefined,
          resume: undefined,
          unreadSince: undefined,
        },
        'failed',
        now,
        `run ${event.run} could not be launched: ${event.reason}`,
      );
    case 'launch-cancelled':
      // With nothing to keep there is nothing to be frozen: `nextStep` destroys.
      return enter(
        { ...state, run: event.run, stop: undefined, unreadSince: undefined },
        'frozen',
        now,
        'no longer waiting for a place',
      );
    case 'probed':
      return state.running === undefined
        ? state
        : { ...state, running: { ...state.running, lastCheckinAt: event.lastCheckinAt } };
    case 'ended':
      return onEnded(state, event.end, event.pullRequest, now);
    case 'frozen':
      return onFrozen(state, now);
    case 'resuming': {
      const runCause = causeOfNextRun(state);
      return enter(
        { ...state, resume: undefined, runCause },
        state.everRan ? 'resuming' : 'queued',
        now,
        `waiting for a place: ${runCause}`,
      );
    }
    case 'destroying':
      return enter(state, 'destroying', now, `destroying: ${state.destroy ?? 'nothing to keep'}`);
    case 'destroyed':
      return enter(state, 'destroyed', now, 'destroyed');
  }
}

export type Step =
  /** Read the issue and judge it. */
  | { readonly do: 'open' }
  | { readonly do: 'await-approval' }
  | { readonly do: 'launch' }
  | { readonly do: 'watch' }
  | { readonly do: 'freeze' }
  | { readonly do: 'resume' }
  | { readonly do: 'wait'; readonly until: number | undefined }
  | { readonly do: 'destroy' }
  | { readonly do: 'begin-again'; readonly cause: BeginCause }
  | { readonly do: 'finish' };

/** What to do now. `wait` means: until an event comes, or until then. */
export function nextStep(state: IssueState, debounceMs: number): Step {
  if (state.life === undefined) {
    return { do: 'open' };
  }
  switch (state.phase) {
    case 'destroyed':
      return state.again === undefined
        ? { do: 'finish' }
        : { do: 'begin-again', cause: state.again };
    case 'destroying':
      return { do: 'destroy' };
    case 'running':
      return { do: 'watch' };
    case 'freezing':
      return { do: 'freeze' };
    case 'queued':
    case 'resuming':
    case 'frozen':
    case 'parked':
    case 'failed':
      return nextIdleStep(state, debounceMs);
  }
}

/** True when the current run, or the wait for its place, must end. */
export function mustEnd(state: IssueState): boolean {
  return state.stop !== undefined || state.destroy !== undefined || state.held;
}

/** Epoch milliseconds at which a parked issue goes on by itself; undefined in every other phase. */
export function parkedUntil(state: IssueState): number | undefined {
  return state.phase === 'parked' ? state.lastEnd?.parkedUntil : undefined;
}

/**
 * Why a command makes no sense now, or undefined when it does.
 * @param sequence of the delivery that it came with: what was done before is accepted again
 */
export function refusal(
  state: IssueState,
  command: CommandName | 'extend',
  sequence?: number,
): string | undefined {
  const { phase } = state;
  if (sequence !== undefined && sequence <= state.lastSequence) {
    return undefined;
  }
  if (phase === 'destroying' || phase === 'destroyed') {
    return command === 'retry' ? undefined : 'the bottle is being destroyed';
  }
  switch (command) {
    case 'destroy':
      return undefined;
    case 'approve':
      if (state.awaitsApproval === true) {
        return undefined;
      }
      return state.life === undefined
        ? 'the issue is still being read: ask again in a moment'
        : `nothing waits for approval: the issue is ${phase}`;
    case 'freeze':
      return phase === 'running' || phase === 'resuming'
        ? undefined
        : `nothing runs: the issue is ${phase}`;
    case 'extend':
      return phase === 'running' ? undefined : `no run has a deadline: the issue is ${phase}`;
    case 'resume':
    case 'retry':
      if (command === 'retry' && state.life === undefined) {
        return undefined;
      }
      if (state.awaitsApproval === true) {
        return `there is nothing to ${command}: the issue waits for \`approve\``;
      }
      if (!isIdle(phase)) {
        return `there is nothing to ${command}: the issue is ${phase}`;
      }
      return state.held
        ? 'its agent label or its assignee was taken away: put it back first'
        : undefined;
  }
}

/** Whether people must be told of the last run's end. Real success speaks for itself. */
export function needsReport(state: IssueState): boolean {
  const end = state.lastEnd;
  if (end === undefined || (end.outcome === 'cancelled' && end.askedFor)) {
    return false;
  }
  return !succeeded(end) || state.pullRequest === undefined;
}

/** By what agent and program say of themselves. */
export function succeeded(end: LastEnd): boolean {
  return end.outcome === 'exited'
    ? end.exitCode === 0 && end.failed !== true
    : end.outcome === 'done' && end.doneStatus === 'success';
}

const timelineLimit = 200;
/** Clocks differ: who asks in the very moment of the reset may be refused once more. */
const resetSlackMs = 3_000;

function nextIdleStep(state: IssueState, debounceMs: number): Step {
  if (state.destroy !== undefined || (state.held && !state.everRan)) {
    return { do: 'destroy' };
  }
  if (state.awaitsApproval === true) {
    return { do: 'await-approval' };
  }
  if (state.phase === 'queued' || state.phase === 'resuming') {
    return { do: 'launch' };
  }
  if (state.held) {
    return { do: 'wait', until: undefined };
  }
  if (state.resume !== undefined) {
    return { do: 'resume' };
  }
  const reset = parkedUntil(state);
  if (reset !== undefined) {
    // Comments wait too: a run before the reset would meet the limit again.
    return { do: 'wait', until: reset + resetSlackMs };
  }
  if (state.unreadSince === undefined) {
    return { do: 'wait', until: undefined };
  }
  return { do: 'wait', until: state.unreadSince + debounceMs };
}

function whenNew(
  state: IssueState,
  sequence: number,
  apply: (fresh: IssueState) => IssueState,
): IssueState {
  return sequence <= state.lastSequence ? state : apply({ ...state, lastSequence: sequence });
}

/** The API's commands have no number: each is one of its own. */
function whenNewCommand(
  state: IssueState,
  sequence: number | undefined,
  apply: (fresh: IssueState) => IssueState,
): IssueState {
  return sequence === undefined ? apply(state) : whenNew(state, sequence, apply);
}

function onIssue(state: IssueState, event: IssueEvent, now: number): IssueState {
  if (state.life === undefined) {
    const cause = event.action === 'reopened' ? 'reopened' : 'target';
    return { ...state, recheck: true, cause: stronger(state.cause, cause) };
  }
  if (isEnding(state)) {
    return onIssueWhileEnding(state, event, now);
  }
  switch (event.action) {
    case 'closed':
      return state.everRan
        ? state
        : told(
            { ...state, destroy: 'the issue was closed before anything ran' },
            now,
            `issue closed by ${event.sender}`,
          );
    case 'labelled':
    case 'assigned':
    case 'unassigned':
      return { ...state, recheck: true };
    case 'opened':
    case 'edited':
    case 'reopened':
      return state;
  }
}

/** It may be a target again by the time this life has ended: only the forge knows. */
function onIssueWhileEnding(state: IssueState, event: IssueEvent, now: number): IssueState {
  switch (event.action) {
    case 'reopened':
      return beginAgain(state, 'reopened', now);
    case 'labelled':
    case 'assigned':
      return { ...state, again: state.again ?? 'target' };
    case 'opened':
    case 'closed':
    case 'edited':
    case 'unassigned':
      return state;
  }
}

function onPullRequest(state: IssueState, event: PullRequestEvent, now: number): IssueState {
  if (state.life === undefined) {
    return event.action === 'reopened'
      ? { ...state, recheck: true, cause: stronger(state.cause, 'reopened'), early: undefined }
      : { ...state, early: event };
  }
  const another = state.pullRequest !== undefined && event.number !== state.pullRequest;
  if (event.branch !== state.life.branch || another) {
    return state;
  }
  switch (event.action) {
    case 'opened':
      return told(
        { ...state, pullRequest: event.number },
        now,
        `pull request #${event.number} opened`,
      );
    case 'closed': {
      const what = `pull request #${event.number} ${event.merged ? 'merged' : 'closed'}`;
      return isEnding(state)
        ? state
        : told(
            {
              ...state,
              pullRequest: event.number,
              pullRequestMerged: event.merged,
              destroy: what,
            },
            now,
            `${what} by ${event.sender}`,
          );
    }
    case 'reopened':
      return isEnding(state) ? beginAgain(state, 'reopened', now) : state;
    case 'synchronized':
      return { ...state, pushes: (state.pushes ?? 0) + 1 };
    case 'edited':
      return state;
  }
}

function onComment(state: IssueState, event: CommentEvent, now: number): IssueState {
  if (event.sequence <= state.readUpTo || isEnding(state)) {
    return state;
  }
  return told(
    {
      ...state,
      unread: [...state.unread, { sequence: event.sequence, author: event.author }],
      unreadSince: state.unreadSince ?? now,
    },
    now,
    `comment by ${event.author} on #${event.on}`,
  );
}

function onSignalDone(state: IssueState, event: SignalDone, now: number): IssueState {
  if (state.running === undefined || event.run !== state.run || state.running.done) {
    return state;
  }
  return told(
    { ...state, running: { ...state.running, done: true } },
    now,
    `run ${event.run}: the agent is done (${event.status})`,
  );
}

function onCommand(state: IssueState, command: CommandName, by: string, now: number): IssueState {
  const asked = told(state, now, `${by} asked to ${command}`);
  switch (command) {
    case 'approve':
      return told({ ...state, awaitsApproval: false }, now, `${by} approved`);
    case 'freeze':
      return { ...asked, stop: 'cancelled' };
    case 'destroy':
      return { ...asked, destroy: `${by} asked for it` };
    case 'resume':
      return { ...asked, resume: `${by} asked to resume` };
    case 'retry':
      if (isEnding(state)) {
        return beginAgain(state, 'retry', now);
      }
      return state.life === undefined
        ? { ...asked, recheck: true, cause: 'retry' }
        : { ...asked, resume: `${by} asked to retry` };
  }
}

function onExtended(state: IssueState, { by, byMs }: ExtendDeadline, now: number): IssueState {
  const { running } = state;
  return running === undefined
    ? state
    : told(
        { ...state, running: { ...running, deadlineAt: running.deadlineAt + byMs } },
        now,
        `${by} extended the deadline by ${Math.round(byMs / 1000)} s`,
      );
}

function onTargetChecked(
  state: IssueState,
  { targeted, closedCounts }: Extract<StateEvent, { type: 'target-checked' }>,
  now: number,
): IssueState {
  if (closedCounts && state.everRan) {
    // Something has begun to run since the forge was asked: by now a closed issue means something else.
    return { ...state, recheck: true };
  }
  if (targeted === !state.held) {
    return state;
  }
  if (!targeted) {
    const heldBack = !isIdle(state.phase);
    const text = 'the agent label or the assignee was taken away';
    return told({ ...state, held: true, heldBack }, now, text);
  }
  return told(
    {
      ...state,
      held: false,
      heldBack: false,
      // What is parked goes on at the reset.
      resume: state.heldBack && state.phase !== 'parked' ? 'the label is back' : state.resume,
    },
    now,
    'the agent label and the assignee are back',
  );
}

function onLaunched(
  state: IssueState,
  event: Extract<StateEvent, { type: 'launched' }>,
  now: number,
): IssueState {
  const unread = state.unread.filter((comment) => comment.sequence > event.readUpTo);
  return enter(
    {
      ...state,
      run: state.run + 1,
      everRan: true,
      running: {
        deadlineAt: now + event.deadlineMs,
        lastCheckinAt: now,
        done: false,
      },
      unread,
      unreadSince: unread.length === 0 ? undefined : (state.unreadSince ?? now),
      readUpTo: Math.max(state.readUpTo, event.readUpTo),
    },
    'running',
    now,
    `run ${state.run + 1} started`,
  );
}

function onEnded(
  state: IssueState,
  end: RunEnd,
  pullRequest: number | undefined,
  now: number,
): IssueState {
  const how = end.done === undefined ? end.outcome : `${end.outcome} (${end.done.status})`;
  return enter(
    {
      ...state,
      running: undefined,
      stop: undefined,
      // Who froze it by hand wants it frozen: only what comes from now on resumes it.
      unreadSince: state.stop === undefined ? state.unreadSince : undefined,
      pullRequest: pullRequest ?? state.pullRequest,
      lastEnd: {
        outcome: end.outcome,
        askedFor: mustEnd(state),
        exitCode: end.exitCode,
        doneStatus: end.done?.status,
        ...(end.failed === true ? { failed: true } : {}),
        // Who froze it by hand wants it frozen.
        ...(state.stop === undefined &&
        end.parkedUntil !== undefined &&
        isWaitedFor(end.parkedUntil, now)
          ? { parkedUntil: end.parkedUntil }
          : {}),
      },
    },
    'freezing',
    now,
    `run ${state.run} ended: ${how}`,
  );
}

/** Keeps the state of the bottle either way; what is parked goes on by itself. */
function onFrozen(state: IssueState, now: number): IssueState {
  const reset = state.lastEnd?.parkedUntil;
  return reset === undefined
    ? enter(state, 'frozen', now, 'frozen')
    : // A label that came back while it froze waits for the reset like everything else.
      enter({ ...state, resume: undefined }, 'parked', now, `parked until ${utcTime(reset, now)}`);
}

/** Nothing runs, and no run waits for its place. */
function isIdle(phase: Phase): boolean {
  return phase === 'frozen' || phase === 'failed' || phase === 'parked';
}

function causeOfNextRun(state: IssueState): string {
  return state.phase === 'parked' && state.resume === undefined
    ? "the model provider's limit has been reset"
    : resumeCause(state);
}

function resumeCause(state: IssueState): string {
  const authors = [...new Set(state.unread.map((comment) => comment.author))];
  if (authors.length > 0) {
    const comments = state.unread.length === 1 ? 'comment' : `${state.unread.length} comments`;
    return `${comments} by ${authors.join(', ')}`;
  }
  return state.resume ?? 'resumed';
}

function isEnding(state: IssueState): boolean {
  return state.phase === 'destroying' || state.phase === 'destroyed' || state.destroy !== undefined;
}

function beginAgain(state: IssueState, cause: BeginCause, now: number): IssueState {
  return told({ ...state, again: cause }, now, `${cause}: another life follows`);
}

function stronger(a: BeginCause, b: BeginCause): BeginCause {
  return a === 'target' ? b : a;
}

function enter(state: IssueState, phase: Phase, now: number, text: string): IssueState {
  return told({ ...state, phase, since: phase === state.phase ? state.since : now }, now, text);
}

function told(state: IssueState, at: number, text: string): IssueState {
  return { ...state, timeline: [...state.timeline, { at, text }].slice(-timelineLimit) };
}
