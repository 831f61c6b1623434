import type { BackendName } from '../domain/bottle.ts';
import type { Issue, IssueRef } from '../domain/issue.ts';
import type { Outcome, Phase, StopReason } from '../domain/run.ts';
import type { PullRequestEvent } from './messages.ts';

/**
 * Where an issue is. `reduce` says what an event changes, `nextStep` what to do now, `refusal` which commands make no
 * sense; `issue-workflow` does it.
 *
 * Plain JSON: `continueAsNew` carries it.
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

/** True when the current run, or the wait for its place, must end. */
export function mustEnd(state: IssueState): boolean {
  return state.stop !== undefined || state.destroy !== undefined || state.held;
}

/** Epoch milliseconds at which a parked issue goes on by itself; undefined in every other phase. */
export function parkedUntil(state: IssueState): number | undefined {
  return state.phase === 'parked' ? state.lastEnd?.parkedUntil : undefined;
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

/** Nothing runs, and no run waits for its place. */
export function isIdle(phase: Phase): boolean {
  return phase === 'frozen' || phase === 'failed' || phase === 'parked';
}

/** The bottle is on its way out, or gone: what comes now is for another life. */
export function isEnding(state: IssueState): boolean {
  return state.phase === 'destroying' || state.phase === 'destroyed' || state.destroy !== undefined;
}
