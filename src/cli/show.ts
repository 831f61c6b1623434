import { Command } from 'commander';
import type { IssueDetailView } from '../api/views/issue.ts';
import type { OperationView } from '../api/views/operation.ts';
import type { RunView } from '../api/views/run.ts';
import type { UsageView } from '../api/views/usage.ts';
import { withoutCheckin } from './changed-issues.ts';
import { formatSince, formatTime, isoTime, readClock, type Clock } from './clock.ts';
import { connect } from './connect.ts';
import { formatLength } from './elapsed.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { findIssue, issueArgument, type IssueWord } from './issue-name.ts';
import { formatPairs, formatTable, type Column } from './table.ts';
import { colourPhase, colours, oneLine, print, printJson, terminalWidth } from './terminal.ts';
import { formatBudget, formatCost, formatTokens, freshTokens } from './usage.ts';
import { watch, type Watched } from './watch.ts';

const operationsShown = 10;

interface ShowOptions extends GlobalOptions {
  readonly watch?: true;
}

/** All that is told of an issue. */
export interface Shown {
  readonly issue: IssueDetailView;
  readonly operations: readonly OperationView[];
}

export function showCommand(): Command {
  return new Command('show')
    .description('tell all about one issue: runs, what they used, timeline, op log, links')
    .addArgument(issueArgument())
    .option('-w, --watch', 'keep it up to date until Ctrl-C')
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator show acme/rocket#3',
          'orchestrator show https://gitea.example.com/acme/rocket/issues/3 --json',
          'orchestrator show 3 --time iso',
          'orchestrator show 3 --watch',
        ],
        '--watch draws it again in place on a terminal. Elsewhere it prints timeline and op log as they grow, a line each that begins with the time; with --json all of it as an object a line, whenever it has changed (a check-in is no change).',
      ),
    )
    .action(async (word: IssueWord, _, command: Command) => {
      const options: ShowOptions = command.optsWithGlobals();
      const client = connect(options);
      const name = await findIssue(word, client);
      const read = async (): Promise<Shown> => {
        const [issue, { operations }] = await Promise.all([
          client.issue(name),
          client.operations(name),
        ]);
        return { issue, operations };
      };
      if (options.watch) {
        return watch(watchedIssue(read), options);
      }
      const shown = await read();
      if (options.json) {
        printJson(forPrograms(shown));
      } else {
        print(formatShown(shown, terminalWidth(), readClock(options)));
      }
    });
}

function forPrograms({ issue, operations }: Shown): object {
  return { ...issue, operations };
}

function watchedIssue(read: () => Promise<Shown>): Watched<Shown> {
  return {
    read,
    text: formatShown,
    changes: newLines,
    objects: (shown, before) =>
      before !== undefined &&
      withoutCheckin(shown.issue) === withoutCheckin(before.issue) &&
      shown.operations.length === before.operations.length
        ? []
        : [forPrograms(shown)],
  };
}

/** What has been added to timeline and op log, in order; where there is no timeline, the phase. */
export function newLines({ issue, operations }: Shown, before: Shown | undefined): string[] {
  const told = before === undefined ? [] : timelineOf(before.issue);
  const entries = timelineOf(issue).filter(
    ({ at, text }) => !told.some((one) => one.at === at && one.text === text),
  );
  const phase =
    issue.workflow.state === 'open' || issue.phase === before?.issue.phase
      ? []
      : [{ at: issue.since, text: issue.phase }];
  const calls = operations
    .slice(before?.operations.length ?? 0)
    .map(({ at, run, operation, target, outcome, reason }) => ({
      at,
      text: `run ${run}: ${[operation, target, outcome, reason ?? ''].filter(Boolean).join(' ')}`,
    }));
  return [...entries, ...phase, ...calls]
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .map(({ at, text }) => `${isoTime(Date.parse(at))}  ${oneLine(text)}`);
}

function formatTimeline(
  entries: readonly TimelineEntry[],
  width: number | undefined,
  clock: Clock,
): string {
  const pairs = entries.map(({ at, text }) => [formatTime(at, clock), oneLine(text)] as const);
  return formatPairs(pairs, Math.max(...pairs.map(([time]) => time.length)), width);
}

interface TimelineEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly text: string;
}

function timelineOf({ workflow }: IssueDetailView): readonly TimelineEntry[] {
  return workflow.state === 'open' ? workflow.timeline : [];
}

/** @param width columns of the terminal; undefined: nothing is cut */
export function formatShown(
  { issue, operations }: Shown,
  width: number | undefined,
  clock: Clock,
): string {
  const sections = [
    `${colours.bold(issue.name)}  ${oneLine(issue.title)}\n${issue.url}`,
    formatFacts(issue, width, clock),
    section('Runs', issue.runs, (runs) => formatTable(runColumns(runs, clock), runs, width)),
    section('Models', issue.runs.filter(hasModel), (runs) =>
      formatTable(modelColumns(runs), runs, width),
    ),
    section('Other hosts', hostLines(issue.runs), (lines) =>
      formatTable(hostColumns(issue.runs), lines, width),
    ),
    section('Timeline', timelineOf(issue), (entries) => formatTimeline(entries, width, clock)),
    section(
      operations.length > operationsShown
        ? `Operations (the last ${operationsShown} of ${operations.length})`
        : 'Operations',
      operations.slice(-operationsShown),
      (tail) => formatTable(operationColumns(clock), tail, width),
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

function formatFacts(issue: IssueDetailView, width: number | undefined, clock: Clock): string {
  const { pullRequest, workflow } = issue;
  const facts: [name: string, value: string | false][] = [
    [
      'phase',
      `${colourPhase(issue.phase)} ${clock.style === 'iso' ? 'since' : 'for'} ${formatSince(issue.since, clock)}`,
    ],
    ['goes on', issue.parkedUntil !== null && formatTime(issue.parkedUntil, clock)],
    ['attention', issue.attention !== null && colours.red(oneLine(issue.attention))],
    ['agent', `${issue.agent} in ${issue.bottles.join(', ')} (${issue.backend})`],
    [
      'pull request',
      pullRequest !== null &&
        `#${pullRequest.number}${pullRequest.merged ? ' (merged)' : ''}  ${pullRequest.url}`,
    ],
    ['check-in', issue.lastCheckinAt !== null && formatTime(issue.lastCheckinAt, clock)],
    ['used', issue.usage !== null && formatUsed(issue.usage, issue.runs.at(-1))],
    ['branch', issue.branch],
    ['slug', issue.slug],
    ['life', issue.life > 1 && String(issue.life)],
  ];
  switch (workflow.state) {
    case 'open':
      facts.push(
        ['deadline', workflow.deadlineAt !== null && formatTime(workflow.deadlineAt, clock)],
        ['unread', workflow.unreadComments > 0 && countComments(workflow.unreadComments)],
        ['approval', workflow.awaitsApproval && '`orchestrator approve` lets it begin'],
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

/** By all runs of the life. The budget is the one that its newest run was given. */
function formatUsed(usage: UsageView, newest: RunView | undefined): string {
  const budget = newest && formatBudget(usage, newest.budget.issue);
  return [
    `${formatTokens(freshTokens(usage))} tokens in, ${formatTokens(usage.outputTokens)} out, ${formatTokens(usage.cacheReadTokens)} cached`,
    `cost ${formatCost(usage.costUsd)}`,
    ...(budget === undefined ? [] : [`${budget} for the issue`]),
  ].join('; ');
}

function countComments(count: number): string {
  return count === 1 ? '1 comment' : `${count} comments`;
}

/** What names a run. */
function numberColumns(runs: readonly RunView[]): Column<RunView>[] {
  const life: Column<RunView> = { header: 'LIFE', text: (run) => String(run.life) };
  return [
    ...(runs.some((run) => run.life > 1) ? [life] : []),
    { header: 'RUN', text: (run) => String(run.run) },
  ];
}

function runColumns(runs: readonly RunView[], clock: Clock): Column<RunView>[] {
  return [
    ...numberColumns(runs),
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
      text: (run) => (run.startedAt === null ? '-' : formatTime(run.startedAt, clock)),
    },
    { header: 'FOR', text: (run) => oneLine(run.cause), shrink: { least: 7, keep: 'start' } },
    { header: 'REPORT', text: reportText, shrink: { least: 12, keep: 'start' } },
  ];
}

function hasModel({ provider, usage }: RunView): boolean {
  return provider !== 'script' || usage !== null;
}

function modelColumns(runs: readonly RunView[]): Column<RunView>[] {
  const tokens = (header: string, count: (usage: UsageView) => number): Column<RunView> => ({
    header,
    text: ({ usage }) => (usage === null ? '-' : formatTokens(count(usage))),
  });
  return [
    ...numberColumns(runs),
    {
      header: 'MODEL',
      text: ({ provider, model }) => (model === null ? provider : `${provider} ${oneLine(model)}`),
      shrink: { least: 12, keep: 'start' },
    },
    { header: 'TURNS', text: ({ turns }) => turns?.toString() ?? '-' },
    tokens('IN', freshTokens),
    tokens('OUT', ({ outputTokens }) => outputTokens),
    tokens('CACHED', ({ cacheReadTokens }) => cacheReadTokens),
    { header: 'COST', text: ({ usage }) => (usage === null ? '-' : formatCost(usage.costUsd)) },
    { header: 'BUDGET', text: ({ usage, budget }) => formatBudget(usage, budget.run) ?? '-' },
  ];
}

interface HostLine {
  readonly run: RunView;
  readonly host: string;
  readonly what: string;
}

function hostLines(runs: readonly RunView[]): HostLine[] {
  return runs.flatMap((run) => [
    ...(run.egress?.allowed ?? []).map(({ host, connections, bytesOut, bytesIn }) => ({
      run,
      host,
      what: `${countTimes(connections)}, ${bytesOut} bytes out, ${bytesIn} in`,
    })),
    ...(run.egress?.refused ?? []).map(({ host, count }) => ({
      run,
      host,
      what: `refused ${countTimes(count)}`,
    })),
  ]);
}

function hostColumns(runs: readonly RunView[]): Column<HostLine>[] {
  return [
    ...numberColumns(runs).map(({ header, text }) => ({
      header,
      text: ({ run }: HostLine) => text(run),
    })),
    { header: 'HOST', text: ({ host }) => oneLine(host), shrink: { least: 12, keep: 'start' } },
    { header: 'CONNECTIONS', text: ({ what }) => what },
  ];
}

function countTimes(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** That the watchdog fired is told also where the run had ended otherwise before it was stopped. */
function outcomeText(run: RunView): string {
  const outcome = run.outcome ?? (run.startedAt === null ? 'not started' : 'running');
  return run.watchdogFired && outcome !== 'watchdog' ? `${outcome} (watchdog)` : outcome;
}

function reportText({ done, reason, message }: RunView): string {
  return oneLine(done === null ? (reason ?? message ?? '-') : `${done.status}: ${done.summary}`);
}

function outcomeColour({ outcome, exitCode, failed }: RunView): (text: string) => string {
  switch (outcome) {
    case 'done':
      return colours.green;
    case null:
    case 'parked':
      return colours.yellow;
    case 'cancelled':
      return colours.dim;
    case 'exited':
      return exitCode === 0 && !failed ? String : colours.red;
    case 'watchdog':
    case 'deadline':
    case 'budget':
    case 'lost':
      return colours.red;
  }
}

function operationColumns(clock: Clock): Column<OperationView>[] {
  return [
    { header: 'RUN', text: ({ run }) => String(run) },
    { header: 'SEQ', text: ({ sequence }) => String(sequence) },
    { header: 'TIME', text: ({ at }) => formatTime(at, clock) },
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
}
