import { Command } from 'commander';
import type { IssueDetailView } from '../api/views/issue.ts';
import type { OperationView } from '../api/views/operation.ts';
import type { RunView } from '../api/views/run.ts';
import { connect } from './connect.ts';
import { elapsedSince, formatElapsed, formatLength, formatLocalTime } from './elapsed.ts';
import type { GlobalOptions } from './global-options.ts';
import { readIssueName } from './issue-name.ts';
import { formatPairs, formatTable, type Column } from './table.ts';
import { colourPhase, colours, oneLine, print, printJson, terminalWidth } from './terminal.ts';

const operationsShown = 10;

export function showCommand(): Command {
  return new Command('show')
    .description('tell all about one issue: runs, timeline, op log, links')
    .argument('<issue>', "owner/repo#number, or the issue's address")
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Examples:
  orchestrator show acme/rocket#3
  orchestrator show https://gitea.example.com/acme/rocket/issues/3 --json`,
    )
    .action(async (text: string, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const name = readIssueName(text);
      const client = connect(options);
      const [issue, { operations }] = await Promise.all([
        client.issue(name),
        client.operations(name),
      ]);
      if (options.json) {
        printJson({ ...issue, operations });
      } else {
        print(formatIssueDetail(issue, operations, terminalWidth(), Date.now()));
      }
    });
}

/** @param width columns of the terminal; undefined: nothing is cut */
export function formatIssueDetail(
  issue: IssueDetailView,
  operations: readonly OperationView[],
  width: number | undefined,
  now: number,
): string {
  const sections = [
    `${colours.bold(issue.name)}  ${oneLine(issue.title)}\n${issue.url}`,
    formatFacts(issue, width, now),
    section('Runs', issue.runs, (runs) => formatTable(runColumns(runs), runs, width)),
    section('Timeline', issue.workflow.state === 'open' ? issue.workflow.timeline : [], (entries) =>
      entries.map(({ at, text }) => `${formatLocalTime(at)}  ${oneLine(text)}`).join('\n'),
    ),
    section(
      operations.length > operationsShown
        ? `Operations (the last ${operationsShown} of ${operations.length})`
        : 'Operations',
      operations.slice(-operationsShown),
      (tail) => formatTable(operationColumns, tail, width),
    ),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

function section<T>(
  title: string,
  items: readonly T[],
  body: (items: readonly T[]) => string,
): string {
  return items.length === 0 ? '' : `${colours.bold(title)}\n${body(items)}`;
}

function formatFacts(issue: IssueDetailView, width: number | undefined, now: number): string {
  const { pullRequest, workflow } = issue;
  const facts: [name: string, value: string | false][] = [
    [
      'phase',
      `${colourPhase(issue.phase)} for ${elapsedSince(issue.since, now)}, since ${formatLocalTime(issue.since)}`,
    ],
    ['attention', issue.attention !== null && colours.red(oneLine(issue.attention))],
    ['agent', `${issue.agent} in ${issue.bottles.join(', ')} (${issue.backend})`],
    [
      'pull request',
      pullRequest !== null &&
        `#${pullRequest.number}${pullRequest.merged ? ' (merged)' : ''}  ${pullRequest.url}`,
    ],
    [
      'check-in',
      issue.lastCheckinAt !== null &&
        `${elapsedSince(issue.lastCheckinAt, now)} ago, at ${formatLocalTime(issue.lastCheckinAt)}`,
    ],
    ['branch', issue.branch],
    ['slug', issue.slug],
    ['life', issue.life > 1 && String(issue.life)],
  ];
  switch (workflow.state) {
    case 'open':
      facts.push(
        ['deadline', workflow.deadlineAt !== null && formatDeadline(workflow.deadlineAt, now)],
        ['unread', workflow.unreadComments > 0 && countComments(workflow.unreadComments)],
        ['held', workflow.held && 'until the label and the assignee are back'],
      );
      break;
    case 'unreachable':
      facts.push(['timeline', colours.yellow(`not to be had: ${oneLine(workflow.reason)}`)]);
      break;
    case 'closed':
      break;
  }
  const known = facts.flatMap(([name, value]): [string, string][] =>
    value === false ? [] : [[colours.dim(name), value]],
  );
  return formatPairs(known, 'pull request'.length, width);
}

function formatDeadline(at: string, now: number): string {
  const left = Date.parse(at) - now;
  const distance = left < 0 ? `${formatElapsed(-left)} ago` : `in ${formatElapsed(left)}`;
  return `${distance}, at ${formatLocalTime(at)}`;
}

function countComments(count: number): string {
  return count === 1 ? '1 comment' : `${count} comments`;
}

function runColumns(runs: readonly RunView[]): Column<RunView>[] {
  const life: Column<RunView> = { header: 'LIFE', text: (run) => String(run.life) };
  return [
    ...(runs.some((run) => run.life > 1) ? [life] : []),
    { header: 'RUN', text: (run) => String(run.run) },
    {
      header: 'OUTCOME',
      text: outcomeText,
      colour: (run, text) => outcomeColour(run)(text),
    },
    { header: 'EXIT', text: (run) => run.exitCode?.toString() ?? '-' },
    {
      header: 'DURATION',
      text: (run) => (run.durationMs === null ? '-' : formatLength(run.durationMs)),
    },
    {
      header: 'STARTED',
      text: (run) => (run.startedAt === null ? '-' : formatLocalTime(run.startedAt)),
    },
    { header: 'FOR', text: (run) => oneLine(run.cause), shrink: { least: 7, keep: 'start' } },
    { header: 'REPORT', text: reportText, shrink: { least: 12, keep: 'start' } },
  ];
}

/** That the watchdog fired is told also where the run had ended otherwise before it was stopped. */
function outcomeText(run: RunView): string {
  const outcome = run.outcome ?? (run.startedAt === null ? 'not started' : 'running');
  return run.watchdogFired && outcome !== 'watchdog' ? `${outcome} (watchdog)` : outcome;
}

function reportText({ done, reason }: RunView): string {
  return oneLine(done === null ? (reason ?? '-') : `${done.status}: ${done.summary}`);
}

function outcomeColour({ outcome, exitCode }: RunView): (text: string) => string {
  switch (outcome) {
    case 'done':
      return colours.green;
    case null:
    case 'parked':
      return colours.yellow;
    case 'cancelled':
      return colours.dim;
    case 'exited':
      return exitCode === 0 ? String : colours.red;
    case 'watchdog':
    case 'deadline':
    case 'budget':
    case 'lost':
      return colours.red;
  }
}

const operationColumns: Column<OperationView>[] = [
  { header: 'RUN', text: ({ run }) => String(run) },
  { header: 'SEQ', text: ({ sequence }) => String(sequence) },
  { header: 'TIME', text: ({ at }) => formatLocalTime(at).slice(-8) },
  { header: 'OPERATION', text: ({ operation }) => operation },
  {
    header: 'TARGET',
    text: ({ target }) => oneLine(target) || '-',
    shrink: { least: 8, keep: 'end' },
  },
  {
    header: 'OUTCOME',
    text: ({ outcome }) => outcome,
    colour: ({ outcome }, text) => (outcome === 'ok' ? text : colours.red(text)),
  },
  {
    header: 'DETAIL',
    text: (operation) => oneLine(operation.reason ?? operation.arguments) || '-',
    shrink: { least: 8, keep: 'start' },
  },
];
