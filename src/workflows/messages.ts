import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CommentKind, IssueRef } from '../domain/issue.ts';
import type { IssueAction, PullRequestAction } from '../domain/events.ts';
import type { DoneStatus, Outcome, Phase } from '../domain/run.ts';
import type { IssueState } from './issue-state.ts';

/**
 * What goes into and comes out of `issueWorkflow`. History keeps these for as long as a life lasts: fields are
 * added, never renamed.
 *
 * `sequence` is a number that only grows per issue, kept across lives: the workflow drops what it has seen.
 */
export interface IssueWorkflowInput {
  /** With the repository's first-seen name: the workflow's id is made of it. */
  readonly issue: IssueRef;
  readonly settings: LifecycleSettings;
  /** Set by `continueAsNew` only. */
  readonly carried?: IssueState;
}

/** Durations in milliseconds, fixed when a life begins. */
export interface LifecycleSettings {
  /** Silence after which a run is frozen. */
  readonly watchdogTimeoutMs: number;
  /** Longest run, counted from its start. */
  readonly runDeadlineMs: number;
  /** How long the first comment waits for others. */
  readonly commentDebounceMs: number;
  /** Whether each life waits for the command `approve`; absent: `off`. */
  readonly approval?: 'required' | 'off';
  /** Whether the forge shows where the issue is: by a commit status, and by labels. Absent: it does not. */
  readonly shows?: { readonly labels: boolean };
  /** History events after which a life goes on as a new execution. */
  readonly continueAsNewAfter: number;
}

/** The agent said that it is done; sent by the watch. */
export const signalDone = defineSignal<[SignalDone]>('signal_done');
export interface SignalDone {
  readonly run: number;
  readonly status: DoneStatus;
  /** First 200 characters: history carries no texts. */
  readonly summary: string;
}

export const issueEvent = defineSignal<[IssueEvent]>('issue_event');
export interface IssueEvent {
  readonly sequence: number;
  readonly action: IssueAction;
  readonly sender: string;
}

export const pullRequestEvent = defineSignal<[PullRequestEvent]>('pr_event');
export interface PullRequestEvent {
  readonly sequence: number;
  readonly action: PullRequestAction;
  readonly number: number;
  readonly branch: string;
  readonly merged: boolean;
  readonly sender: string;
}

/** A comment that counts, below the issue or its PR. Its text is in the store. */
export const pullRequestComment = defineSignal<[CommentEvent]>('pr_comment');
export interface CommentEvent {
  readonly sequence: number;
  readonly kind: CommentKind;
  readonly id: number;
  readonly author: string;
  /** Number of the issue or PR it is below. */
  readonly on: number;
}

/** Updates enqueue and answer with the phase that accepted them; they never wait for the effect. */
export const approveUpdate = defineUpdate<Accepted, [Command]>('approve');
export const freezeUpdate = defineUpdate<Accepted, [Command]>('freeze');
export const resumeUpdate = defineUpdate<Accepted, [Command]>('resume');
export const retryUpdate = defineUpdate<Accepted, [Command]>('retry');
export const destroyUpdate = defineUpdate<Accepted, [Command]>('destroy');
export const extendDeadlineUpdate = defineUpdate<Accepted, [ExtendDeadline]>('extend_deadline');

export interface Command {
  /** Who asked, for the timeline. */
  readonly by: string;
  /** Of the delivery that it came with, if it was a comment. */
  readonly sequence?: number;
}

export interface ExtendDeadline extends Command {
  readonly byMs: number;
}

export interface Accepted {
  readonly phase: Phase;
}

/** Name of the application failure with which an update is refused; its message says why. */
export const commandRefused = 'CommandRefused';

export const statusQuery = defineQuery<IssueStatus>('status');
export interface IssueStatus {
  readonly issue: IssueRef;
  readonly phase: Phase;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly life: number | undefined;
  readonly slug: string | undefined;
  readonly agent: string | undefined;
  readonly run: number;
  readonly branch: string | undefined;
  readonly pullRequest: number | undefined;
  readonly outcome: Outcome | undefined;
  /** Epoch milliseconds; set while running. */
  readonly deadlineAt: number | undefined;
  /** Epoch milliseconds at which it goes on by itself; set while parked. */
  readonly parkedUntil: number | undefined;
  readonly unreadComments: number;
  /** True while the label or the assignee is away: nothing resumes. */
  readonly held: boolean;
  /** True until somebody approves: nothing launches. */
  readonly awaitsApproval: boolean;
}

export const timelineQuery = defineQuery<readonly TimelineEntry[]>('timeline');
export interface TimelineEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** The workflows' type names, for clients that must not import their code. */
export const issueWorkflowType = 'issueWorkflow';
export const notificationWorkflowType = 'notificationWorkflow';
