import { Command, Option } from 'commander';
import type { IssueView } from '../api/views/issue.ts';
import { phases, type Phase } from '../domain/run.ts';
import { changedIssues } from './changed-issues.ts';
import { formatSince, formatTime, formatUntil, isoTime, readClock, type Clock } from './clock.ts';
import { connect } from './connect.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { collectRepositories } from './place-argument.ts';
import { formatPairs, formatTable, type Column } from './table.ts';
import { colourPhase, colours, oneLine, print, printJson, terminalWidth } from './terminal.ts';
import { watch, type Watched } from './watch.ts';

interface StatusOptions extends GlobalOptions {
  readonly all?: true;
  readonly watch?: true;
  readonly phase?: readonly Phase[];
  readonly repository?: readonly string[];
}

const dayMs = 86_400_000;

export function statusCommand(): Command {
  return new Command('status')
    .description('list the issues: who works on what, and what waits')
    .option('-a, --all', 'with those destroyed more than a day ago')
    .addOption(new Option('--phase <phase...>', 'only those in these phases').choices(phases))
    .option('--repository <owner/repo...>', 'only those of these repositories', collectRepositories)
    .option('-w, --watch', 'keep the list up to date until Ctrl-C')
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator status',
          'orchestrator status --phase failed parked --repository acme/rocket',
          'orchestrator status --watch',
          `orchestrator status --json | jq -r '.issues[] | select(.attention) | .url'`,
          `orchestrator status --watch --json | jq --unbuffered -r '"\\(.name) \\(.phase)"'`,
        ],
        '--watch draws the list again in place on a terminal. Elsewhere it prints each issue, and again whenever it has changed (a check-in is no change): as a line that begins with the time, or with --json as an object a line. An issue that no longer matches is told once more.',
      ),
    )
    .action(async (_, command: Command) => {
      const options: StatusOptions = command.optsWithGlobals();
      const matches = readFilter(options);
      const client = connect(options);
      const read = async () => (await client.issues()).issues;
      if (options.watch) {
        return watch(watchedStatus(read, matches), options);
      }
      const issues = (await read()).filter(matches);
      if (options.json) {
        printJson({ issues });
      } else {
        print(formatStatus(issues, terminalWidth(), readClock(options)));
      }
    });
}

type Filter = (issue: IssueView) => boolean;

/** Who asks for `destroyed` gets all of them. */
export function readFilter({
  all,
  phase,
  repository,
}: Pick<StatusOptions, 'all' | 'phase' | 'repository'>): Filter {
  // The forge does not tell them apart by case either.
  const repositories = repository?.map((name) => name.toLowerCase());
  return (issue) =>
    (all || phase?.includes('destroyed') || !isFinished(issue, Date.now())) &&
    (phase?.includes(issue.phase) ?? true) &&
    (repositories?.includes(`${issue.owner}/${issue.repository}`.toLowerCase()) ?? true);
}

/** Destroyed more than a day ago. */
export function isFinished({ phase, since }: IssueView, now: number): boolean {
  return phase === 'destroyed' && Date.parse(since) <= now - dayMs;
}

function watchedStatus(read: () => Promise<IssueView[]>, matches: Filter): Watched<IssueView[]> {
  return {
    read,
    text: (issues, width, clock) => formatStatus(issues.filter(matches), width, clock),
    changes: (issues, before, now) =>
      changedIssues(issues, before, matches).map((issue) => formatChange(issue, now)),
    objects: (issues, before) => changedIssues(issues, before, matches),
  };
}

/** An issue as one line of text: time, name and phase, then what else there is to say. */
export function formatChange(issue: IssueView, now: number): string {
  const { name, phase, pullRequest, attention } = issue;
  const more = [
    ...(issue.run > 0 ? [`run ${issue.run}`] : []),
    ...(pullRequest === null ? [] : [formatPullRequest(pullRequest)]),
    ...(attention === null ? [] : [colours.red(oneLine(attention))]),
  ];
  return [
    isoTime(now),
    name,
    colourPhase(phase),
    ...(more.length === 0 ? [] : [more.join(', ')]),
  ].join('  ');
}

function formatPullRequest({ number, merged }: NonNullable<IssueView['pullRequest']>): string {
  return `#${number}${merged ? ' merged' : ''}`;
}

/** @param width columns of the terminal; undefined: nothing is cut */
export function formatStatus(
  issues: readonly IssueView[],
  width: number | undefined,
  clock: Clock,
): string {
  if (issues.length === 0) {
    return 'No issues. One is taken up when it is open, has a label bot-bottle:<agent>, and is assigned to a member of the org.';
  }
  const attention = issues.flatMap((issue): [string, string][] =>
    issue.attention === null ? [] : [[issue.name, oneLine(issue.attention)]],
  );
  if (attention.length === 0) {
    return formatTable(columns(clock), issues, width);
  }
  const nameWidth = Math.max(...attention.map(([name]) => name.length));
  return [
    formatTable(columns(clock), issues, width),
    '',
    colours.bold('Needs attention'),
    formatPairs(
      attention.map(([name, text]) => [colours.red(name), text]),
      nameWidth,
      width,
    ),
  ].join('\n');
}

/** The slug is last, so that it gives way first: `show` has it whole. */
function columns(clock: Clock): Column<IssueView>[] {
  return [
    {
      header: 'ISSUE',
      text: (issue) => issue.name,
      shrink: { least: 18, keep: 'end' },
    },
    { header: 'AGENT', text: (issue) => issue.agent, shrink: { least: 8, keep: 'start' } },
    {
      header: 'PHASE',
      text: ({ phase, parkedUntil }) =>
        parkedUntil === null ? phase : `${phase} ${formatUntil(parkedUntil, clock)}`,
      colour: (issue, text) => colourPhase(issue.phase, text),
      // Enough for the longest phase.
      shrink: { least: 10, keep: 'start' },
    },
    { header: 'SINCE', text: (issue) => formatSince(issue.since, clock) },
    {
      header: 'CHECK-IN',
      text: ({ lastCheckinAt }) =>
        lastCheckinAt === null ? '-' : formatTime(lastCheckinAt, clock),
    },
    {
      header: 'PR',
      text: ({ pullRequest }) => (pullRequest === null ? '-' : formatPullRequest(pullRequest)),
    },
    { header: 'SLUG', text: (issue) => issue.slug, shrink: { least: 9, keep: 'end' } },
  ];
}
