import { formatSize, type DiskSpace } from './free-space.ts';
import type { NotificationContent, NotifiedIssue } from './notification.ts';
import { runHeadline, whatStartsAnotherRun, type EndedRun } from './reports.ts';

/**
 * What people are told besides on the forge: what happened, and what to do. What agents and people wrote stays on the
 * forge, but for an issue's title: a notification may pass through the servers of others.
 */

export interface OfIssue {
  readonly issue: NotifiedIssue;
  /** The issue's page, or that of its pull request. */
  readonly url: string;
}

/** A run that ended and that people must know of. */
export function runNotification(
  event: 'failed' | 'needs-you',
  about: OfIssue,
  run: EndedRun,
): NotificationContent {
  const title = event === 'failed' ? `run ${run.run} failed` : 'needs you';
  return ofIssue(event, about, title, [
    `Run ${run.run}: ${runHeadline(run)}`,
    `The bottle is frozen with everything in it. ${whatStartsAnotherRun(run)}`,
  ]);
}

/** A run that could not begin. @param why as the issue's `attention` has it */
export function launchFailureNotification(
  about: OfIssue,
  run: number,
  why: string | undefined,
): NotificationContent {
  const what = `run ${run} could not be started`;
  return ofIssue('failed', about, what, [
    oneLine(why ?? `${what}.`, 500),
    'Nothing is lost. A new comment, or the command `orchestrator retry`, tries again.',
  ]);
}

/** A run that is done: what it has made waits for a person. */
export function pullRequestNotification(about: OfIssue, run: number): NotificationContent {
  const number = about.issue.pullRequest ?? 0;
  return ofIssue('pull-request', about, `pull request #${number} is there for review`, [
    `Run ${run}: the agent is done.`,
    'Merge it, close it, or comment: a comment starts another run.',
  ]);
}

/** Nothing begins before a person says so. */
export function approvalNotification(about: OfIssue, agent: string): NotificationContent {
  return ofIssue('needs-you', about, 'waits for approval', [
    `The agent ${agent} is to work on this issue, and begins when somebody approves.`,
    'To approve, comment `/bottle approve` on the issue, or use `orchestrator approve`.',
  ]);
}

/** The forge does not tell us what happens in a repository. */
export function webhookMissingNotification(
  repository: string,
  missed: { readonly event: string; readonly number: number },
  url: string | undefined,
): NotificationContent {
  return {
    event: 'webhook-failing',
    title: `${repository}: the webhook does not arrive`,
    text: [
      `No webhook told of "${missed.event}" on #${missed.number}; it was found by asking the forge, minutes late, and so will be what comes.`,
      `To mend it: \`orchestrator webhook test ${repository}\` says what is wrong.`,
    ].join('\n\n'),
    url,
    issue: undefined,
  };
}

/** Deliveries come, and nobody may trust them. */
export function webhookRefusedNotification(refused: number): NotificationContent {
  return {
    event: 'webhook-failing',
    title: 'Webhooks are refused: bad signature',
    text: [
      `The last ${refused} deliveries were refused, because their signature does not fit: the secret of a webhook on the forge is not the one configured here, or somebody else sends them.`,
      'To mend it: `orchestrator webhook deliveries` shows where they come from, `orchestrator webhook repair` sets the secret.',
    ].join('\n\n'),
    url: undefined,
    issue: undefined,
  };
}

/** Space runs out where bottles and the store lie. */
export function diskNotification(
  directory: string,
  { free, total }: DiskSpace,
): NotificationContent {
  return {
    event: 'disk',
    title: `Disk space runs out: ${formatSize(free)} free`,
    text: [
      `${formatSize(free)} of ${formatSize(total)} are free at ${directory}. Without space runs are ended, and webhooks are not taken.`,
      'To make room: `orchestrator status` says which bottles could be destroyed; `archive/` can be removed.',
    ].join('\n\n'),
    url: undefined,
    issue: undefined,
  };
}

function ofIssue(
  event: NotificationContent['event'],
  { issue, url }: OfIssue,
  what: string,
  paragraphs: readonly string[],
): NotificationContent {
  const name = `${issue.repository}#${issue.number}`;
  return {
    event,
    title: `${name}: ${what}`,
    text: [oneLine(`${name}: ${issue.title}`, 200), ...paragraphs].join('\n\n'),
    url,
    issue,
  };
}

/** What others wrote must not look like more than it is. */
function oneLine(text: string, longest: number): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}
