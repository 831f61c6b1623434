import type { IssueRef } from '../domain/issue.ts';
import type { CommandAnswer, IssueCommand } from '../domain/issue-command.ts';

export type { CommandAnswer, IssueCommand } from '../domain/issue-command.ts';

/**
 * What the API asks of the issues' workflows. An issue is named with its repository's first-seen name.
 *
 * Safe to call concurrently. No method retries, and each ends within seconds.
 * @throws WorkflowsUnavailableError when no answer can be had
 */
export interface IssueCommands {
  /**
   * Gives a command to the issue's workflow, which accepts it (it does not wait for the effect) or refuses it.
   * `retry` begins a life where none is open; every other command then answers `no-workflow`.
   */
  send(issue: IssueRef, command: IssueCommand): Promise<CommandAnswer>;
  /** Undefined when no workflow is open for the issue. */
  status(issue: IssueRef): Promise<WorkflowStatus | undefined>;
  /** What happened so far, oldest first. Undefined when no workflow is open for the issue. */
  timeline(issue: IssueRef): Promise<readonly TimelineEntry[] | undefined>;
}

/** What only the workflow knows; the rest is in the store. Times are epoch milliseconds. */
export interface WorkflowStatus {
  /** Set while a run has one. */
  readonly deadlineAt: number | undefined;
  readonly unreadComments: number;
  /** True while the label or the assignee is away: nothing resumes. */
  readonly held: boolean;
  /** True until somebody approves: nothing launches. */
  readonly awaitsApproval: boolean;
}

export interface TimelineEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

/** Temporal, or the worker that answers, is away. The message says which, for people. */
export class WorkflowsUnavailableError extends Error {
  override readonly name = 'WorkflowsUnavailableError';
}
