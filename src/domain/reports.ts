import type { DoneStatus, Outcome } from './run.ts';
import { fence } from './prompts.ts';

/** The comments the orchestrator itself posts. Each says what happened, what happens next, and how to look. */

export interface RunReport {
  readonly run: number;
  readonly outcome: Outcome;
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly done: { readonly status: DoneStatus; readonly summary: string } | undefined;
  readonly pullRequest: number | undefined;
  /** Where a person can look: a link, or a command. */
  readonly look: string;
}

/** A run that people must know of. */
export function runReport(report: RunReport): string {
  return paragraphs([
    `**Run ${report.run}: ${headline(report)}**`,
    report.reason === undefined ? '' : report.reason,
    report.done === undefined || report.done.summary.trim() === ''
      ? ''
      : `The agent's own summary:\n\n${fence(report.done.summary)}`,
    `The bottle is frozen with everything in it. A comment here starts another run in it${report.pullRequest === undefined ? '' : '; closing the pull request destroys it'}.`,
    report.look,
  ]);
}

/** A run that could not begin. */
export function launchFailureReport(report: {
  readonly run: number;
  readonly reason: string;
  readonly look: string;
}): string {
  return paragraphs([
    `**Run ${report.run} could not be started.**`,
    fence(report.reason),
    'Nothing is lost. A new comment here, or the command `orchestrator retry`, tries again.',
    report.look,
  ]);
}

/** An issue that asks for what cannot be done. */
export function targetProblemReport(problem: string, fix: string): string {
  return paragraphs([
    `**No agent was started.** ${problem}`,
    fix,
    'It starts when the labels or the assignee are set again.',
  ]);
}

function headline(report: RunReport): string {
  switch (report.outcome) {
    case 'done':
      switch (report.done?.status) {
        case 'partial':
          return 'the agent did part of it.';
        case 'failed':
          return 'the agent could not do it.';
        case 'blocked':
          return 'the agent is blocked and needs a person.';
        case 'success':
        case undefined:
          return 'the agent says it is done, but there is no pull request.';
      }
      break;
    case 'exited':
      return `the agent exited${report.exitCode === undefined ? '' : ` with code ${report.exitCode}`} without saying that it was done.`;
    case 'watchdog':
      return 'the agent was silent for too long and was stopped.';
    case 'deadline':
      return 'the agent ran into its deadline and was stopped.';
    case 'lost':
      return 'the run was lost.';
    case 'budget':
      return 'the budget is used up.';
    case 'parked':
      return 'parked until the limit of the model provider resets.';
    case 'cancelled':
      return 'cancelled.';
  }
  return report.outcome;
}

function paragraphs(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
