import type { DoneStatus, Outcome } from './run.ts';
import { fence } from './prompts.ts';
import type { Budget } from './usage.ts';
import { utcTime } from './utc-time.ts';

/** The comments the orchestrator itself posts. Each says what happened, what happens next, and how to look. */

/** A run that has ended. */
export interface EndedRun {
  readonly run: number;
  readonly outcome: Outcome;
  readonly exitCode: number | undefined;
  readonly reason: string | undefined;
  readonly done: { readonly status: DoneStatus; readonly summary: string } | undefined;
  /** The agent's program reported that it failed. */
  readonly failed: boolean;
  readonly runBudget: Budget;
  readonly issueBudget: Budget;
  /** Epoch milliseconds at which the issue goes on by itself. */
  readonly parkedUntil: number | undefined;
  readonly pullRequest: number | undefined;
}

export interface RunReport extends EndedRun {
  /** Where a person can look: a link, or a command. */
  readonly look: string;
}

/** A run that people must know of. */
export function runReport(report: RunReport): string {
  return paragraphs([
    `**Run ${report.run}: ${runHeadline(report)}**`,
    report.reason === undefined ? '' : report.reason,
    report.done === undefined || report.done.summary.trim() === ''
      ? ''
      : `The agent's own summary:\n\n${fence(report.done.summary)}`,
    [
      'The bottle is frozen with everything in it.',
      whatStartsAnotherRun(report),
      ...(report.pullRequest === undefined ? [] : ['Closing the pull request destroys it.']),
    ].join(' '),
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

/** @param name of the issue, for the command line */
export function approvalReport(agent: string, name: string): string {
  return paragraphs([
    `**This waits for approval.** The agent \`${agent}\` begins when somebody who may write to the repository comments \`/bottle approve\`.`,
    `\`orchestrator approve ${name}\` does the same. Taking the label or the assignee away cancels it.`,
  ]);
}

/** What shows people where an issue is, besides comments. */
export type Showing = 'state labels' | 'commit status';

/** A right is missing. Told once per repository. */
export function cannotShowReport(showing: Showing, reason: string): string {
  const what =
    showing === 'state labels'
      ? "the issue's labels. Give the orchestrator's account write permission to issues, or set `ORCHESTRATOR_STATE_LABELS` to false"
      : "a commit status of the pull request. Give the orchestrator's account write permission to the repository";
  return paragraphs([
    `**Where an agent's work stands cannot be shown by ${what}.** The work itself goes on. This is said once for the whole repository.`,
    fence(reason),
  ]);
}

/** A person asked for another try, of an issue that asks for nothing. */
export function retryWithoutTargetReport(reason: string): string {
  return paragraphs([
    `**Nothing was tried again:** ${reason}.`,
    'An agent works on an open issue with a label `bot-bottle:<agent>` that is assigned to a member of the org.',
  ]);
}

/** How it ended, in words. */
export function runHeadline(report: EndedRun): string {
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
      return report.failed
        ? "the agent's program failed."
        : `the agent exited${report.exitCode === undefined ? '' : ` with code ${report.exitCode}`} without saying that it was done.`;
    case 'watchdog':
      return 'the agent was silent for too long and was stopped.';
    case 'deadline':
      return 'the agent ran into its deadline and was stopped.';
    case 'lost':
      return 'the run was lost.';
    case 'budget':
      return `the budget is used up${budgetsInWords(report)}.`;
    case 'parked':
      return "the model provider's limit is reached.";
    case 'cancelled':
      return 'cancelled.';
  }
  return report.outcome;
}

/** What starts the next run, and what a person should do before. */
export function whatStartsAnotherRun({ outcome, parkedUntil }: EndedRun): string {
  if (parkedUntil !== undefined) {
    return `It goes on by itself at ${utcTime(parkedUntil)}, when the limit has been reset; comments until then are kept for that run. \`orchestrator resume\` does not wait.`;
  }
  switch (outcome) {
    case 'budget':
      return "Raise the budget in the agent's manifest if it is to go on; then a comment here, or `orchestrator resume`, starts another run in it.";
    case 'parked':
      return 'When the limit is reset is not known: a comment here, or `orchestrator resume`, starts another run in it.';
    case 'done':
    case 'exited':
    case 'watchdog':
    case 'deadline':
    case 'lost':
    case 'cancelled':
      return 'A comment here starts another run in it.';
  }
}

function budgetsInWords({ runBudget, issueBudget }: EndedRun): string {
  const known = [
    ['a run', budgetInWords(runBudget)],
    ['the issue', budgetInWords(issueBudget)],
  ].filter(([, words]) => words !== '');
  return known.length === 0
    ? ''
    : ` (${known.map(([whose, words]) => `${whose} has ${words}`).join(', ')})`;
}

function budgetInWords({ usd, tokens }: Budget): string {
  return [
    ...(usd === undefined ? [] : [`$${usd}`]),
    ...(tokens === undefined ? [] : [`${tokens} tokens`]),
  ].join(' and ');
}

function paragraphs(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}
