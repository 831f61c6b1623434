import { fence } from './prompts.ts';
import type { Outcome, Phase } from './run.ts';
import { utcTime } from './utc-time.ts';

/** The comments with which commands in comments are answered, where a reaction does not say enough. */

/** The issue as the store knows it. Times are epoch milliseconds. */
export interface StatusFacts {
  readonly agentName: string;
  readonly life: number;
  readonly phase: Phase;
  readonly since: number;
  /** 0 before the first. */
  readonly run: number;
  readonly outcome: Outcome | undefined;
  readonly lastCheckinAt: number | undefined;
  readonly parkedUntil: number | undefined;
  readonly prNumber: number | undefined;
  readonly prMerged: boolean;
  readonly attention: string | undefined;
}

/** @param look where a person can look: a link, or a command */
export function statusReply(facts: StatusFacts, look: string): string {
  const { phase, run, outcome, prNumber } = facts;
  const lines = [
    `**${phase}** since ${utcTime(facts.since)}, agent \`${facts.agentName}\`${facts.life > 1 ? `, life ${facts.life}` : ''}`,
    ...(run === 0 ? [] : [`run ${run}${phase === 'running' ? '' : endOf(outcome)}`]),
    ...(phase === 'running' && facts.lastCheckinAt !== undefined
      ? [`last check-in ${utcTime(facts.lastCheckinAt)}`]
      : []),
    ...(facts.parkedUntil === undefined
      ? []
      : [`goes on by itself at ${utcTime(facts.parkedUntil)}`]),
    ...(prNumber === undefined
      ? []
      : [`pull request #${prNumber}${facts.prMerged ? ', merged' : ''}`]),
  ];
  return [
    lines.map((line) => `- ${line}`).join('\n'),
    ...(facts.attention === undefined ? [] : [fence(facts.attention)]),
    look,
  ].join('\n\n');
}

/** Nothing has happened here that could be told of. */
export function unknownStatusReply(): string {
  return 'No agent has worked on this issue. One starts when the issue is open, has a label `bot-bottle:<agent>`, and is assigned to a member of the org.';
}

export function refusedReply(command: string, reason: string): string {
  return `**\`/bottle ${command}\` was refused:** ${reason}.`;
}

export function unknownCommandReply(problem: string): string {
  return `${problem} Nothing was done.\n\n${helpReply()}`;
}

export function helpReply(): string {
  return `${commandTable}\n\nA command is the first line of a comment by somebody who may write to the repository. No agent reads such a comment, whatever else is in it, and editing it does nothing.`;
}

const commandTable = [
  ['help', 'this list'],
  ['status', 'where the issue is, and what a person should do'],
  ['approve', 'let a run begin that waits for approval'],
  ['freeze', 'stop the run and keep its whole state'],
  ['resume', 'run again on that state, with the comments that no run has read'],
  ['retry', 'try again what failed, or begin another life'],
  ['extend 2h', "move the running run's deadline"],
  ['destroy', 'remove the bottle; branch and pull request stay'],
].reduce(
  (table, [command, effect]) => `${table}\n| \`/bottle ${command}\` | ${effect} |`,
  '| command | what it does |\n| --- | --- |',
);

function endOf(outcome: Outcome | undefined): string {
  return outcome === undefined ? '' : ` ended: ${outcome}`;
}
