import type { CommandName } from '../domain/issue-command.ts';
import { isWaitedFor, type Phase, type RunEnd } from '../domain/run.ts';
import { utcTime } from '../domain/utc-time.ts';
import {
  type BeginCause,
  isEnding,
  isIdle,
  type IssueState,
  type Life,
  mustEnd,
} from './issue-state.ts';
import type {
  Command,
  CommentEvent,
  ExtendDeadline,
  IssueEvent,
  PullRequestEvent,
  SignalDone,
} from './messages.ts';

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

const timelineLimit = 200;

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
