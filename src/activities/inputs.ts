import type { IssueRef } from '../domain/issue.ts';
import type { Phase, RunEnd, RunProbe, StopReason } from '../domain/run.ts';
import type { NotifiedEnd } from '../workflows/notified-end.ts';
import type { BeginCause, Life } from '../workflows/issue-state.ts';
import type { ShownState } from '../workflows/shown-state.ts';

/**
 * What activities take and give. All of it goes into Temporal's history: references, digests and small facts only.
 */
export interface HostActivities {
  /** Short and idempotent: resolves when the agent of this run has started, now or in an earlier attempt. */
  launchBottle(input: LaunchInput): Promise<LaunchOutput>;
  /** Long, heartbeating, attach-only. Resolves when the journal is sealed and all of it is in the store. */
  watchBottle(input: RunInput): Promise<WatchOutput>;
  stopRun(input: RunInput & { readonly reason: StopReason }): Promise<RunEnd>;
  probeRun(input: RunInput): Promise<RunProbe>;
  freezeBottle(input: BottleInput): Promise<void>;
  /** Resolves only when a listing shows that nothing is left. */
  destroyBottle(input: BottleInput): Promise<void>;
}

export interface ForgeActivities {
  /** Reads the issue, judges it, and begins a life in the store. Idempotent for one `executionId`. */
  openLife(input: OpenLifeInput): Promise<OpenLifeOutput>;
  /** Asks the forge whether label and assignee are still there; remembers when they are not. */
  checkTarget(input: {
    readonly issue: IssueRef;
    /** A closed issue counts as untargeted only before anything ran. */
    readonly closedCounts: boolean;
  }): Promise<{ readonly targeted: boolean }>;
}

/** Comments on the forge, each once as seen by people. */
export interface ReportActivities {
  /** About a run that people must know of. */
  reportRun(input: ReportRunInput): Promise<void>;
  /** Says that nothing begins until somebody approves, and how to. */
  askForApproval(input: BottleInput & { readonly agent: string }): Promise<void>;
  /** Shows on the forge where the issue is. */
  showState(input: { readonly issue: IssueRef } & ShownState): Promise<void>;
  reportLaunchFailure(
    input: RunInput & { readonly pullRequest: number | undefined; readonly reason: string },
  ): Promise<void>;
}

/** Run as local activities: rows in the store, of which nobody waits for more. */
export interface RecordActivities {
  recordPhase(input: PhaseInput): Promise<void>;
  /** Gives back the comments that a run took which never began. */
  recordLaunchFailure(input: RunInput & { readonly reason: string }): Promise<void>;
  /** What a person should know or do. */
  recordAttention(input: { readonly issue: IssueRef; readonly attention: string }): Promise<void>;
}

export interface BottleInput {
  readonly issue: IssueRef;
  readonly slug: string;
}

export interface RunInput extends BottleInput {
  readonly run: number;
}

export interface ReportRunInput extends RunInput {
  readonly pullRequest: number | undefined;
  /** Epoch milliseconds at which the issue goes on by itself, if it does. */
  readonly parkedUntil?: number | undefined;
}

export interface LaunchInput {
  readonly issue: IssueRef;
  readonly workflowId: string;
  readonly life: Life;
  readonly run: number;
  readonly pullRequest: number | undefined;
  /** Why this run begins when no comment asks for it; for the prompt and the record. */
  readonly cause: string;
  /** False for a life's first run: the prompt is the issue itself. */
  readonly resumes: boolean;
  readonly deadlineMs: number;
}

export interface LaunchOutput {
  /** The prompt quotes the comments up to this sequence number. */
  readonly readUpTo: number;
  /** SHA-256 (hex) of the prompt, which lies in the store under (slug, run). */
  readonly promptDigest: string;
  /** The agent's manifest allows it less time than the workflow's settings. */
  readonly timeLimitMs?: number;
}

export interface WatchOutput {
  /** The summary is cut to 200 characters, and what the agent said last left out; the whole is in the store. */
  readonly end: RunEnd;
  readonly pullRequest: number | undefined;
}

export interface OpenLifeInput {
  readonly issue: IssueRef;
  readonly workflowId: string;
  /** The run id of the execution in which the life begins. */
  readonly executionId: string;
  readonly slug: string;
  readonly cause: BeginCause;
  /** The newest event that asks for it. */
  readonly lastSequence: number;
  /** The life before asks for this one: the events are what it left to it. */
  readonly follows: boolean;
}

export type OpenLifeOutput =
  | {
      readonly verdict: 'target';
      readonly life: Life;
      readonly pullRequest: number | undefined;
      readonly lastSequence: number;
    }
  | { readonly verdict: 'not-now'; readonly reason: string };

export interface PhaseInput extends RunInput {
  readonly phase: Phase;
  readonly lastSequence: number;
  readonly pullRequest: number | undefined;
  readonly pullRequestMerged: boolean;
  readonly outcome: RunEnd['outcome'] | undefined;
  /** Epoch milliseconds; set while parked. */
  readonly parkedUntil?: number | undefined;
  /** People are told of this besides on the forge, if they asked for that. */
  readonly notify?: NotifiedEnd | undefined;
  readonly awaitsApproval?: boolean | undefined;
}
