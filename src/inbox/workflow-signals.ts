import type { IssueRef } from '../domain/issue.ts';
import type { CommandAnswer, IssueCommand } from '../domain/issue-command.ts';
import type { CommentEvent, IssueEvent, PullRequestEvent } from '../workflows/messages.ts';

/**
 * The inbox's way to the issues' workflows. `issue` carries the repository's first-seen name: the workflow's id is
 * made of it.
 *
 * Safe to call concurrently. No method retries, and each ends within seconds. Sending an event again is harmless:
 * the workflow drops a sequence number it has seen.
 *
 * @throws SignalsUnavailableError when Temporal cannot be reached or is overloaded: worth another try
 * @throws SignalRefusedError when no further try will help
 */
export interface WorkflowSignals {
  /**
   * Gives the event to the issue's open workflow, or begins one with it.
   * @param title of the issue, for display only
   * @param url of the issue, for display only
   */
  signalWithStart(issue: IssueRef, title: string, url: string, event: WorkflowEvent): Promise<void>;
  /** Gives the event to the issue's open workflow. Resolves with `no-workflow` when none is open. */
  signal(issue: IssueRef, event: WorkflowEvent): Promise<'delivered' | 'no-workflow'>;
  /**
   * Gives a command to the issue's open workflow, which accepts or refuses it; `retry` begins one where none is open.
   * Sent again with the same `sequence`, one that was accepted is accepted again and changes nothing.
   */
  command(
    issue: IssueRef,
    title: string,
    url: string,
    command: IssueCommand,
  ): Promise<CommandAnswer>;
}

/** A signal of `issueWorkflow`, by its name in the Temporal UI. */
export type WorkflowEvent =
  | { readonly signal: 'issue_event'; readonly event: IssueEvent }
  | { readonly signal: 'pr_event'; readonly event: PullRequestEvent }
  | { readonly signal: 'pr_comment'; readonly event: CommentEvent };

/** Passing: Temporal is away, or too busy. */
export class SignalsUnavailableError extends Error {
  override readonly name = 'SignalsUnavailableError';
}

/** Permanent: Temporal refuses this very signal, for instance the 10,001st of an execution. */
export class SignalRefusedError extends Error {
  override readonly name = 'SignalRefusedError';
}
