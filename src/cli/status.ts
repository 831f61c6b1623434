import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import type { IssueView } from '../api/views/issue.ts';
import type { ApiClient } from './api-client.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { connect } from './connect.ts';
import { elapsedSince, formatTimeAhead } from './elapsed.ts';
import type { GlobalOptions } from './global-options.ts';
import { formatPairs, formatTable, type Column } from './table.ts';
import { colourPhase, colours, oneLine, print, printJson, terminalWidth } from './terminal.ts';

interface StatusOptions extends GlobalOptions {
  readonly all?: true;
  readonly watch?: true;
}

const watchIntervalMs = 2000;
const dayMs = 86_400_000;

export function statusCommand(): Command {
  return new Command('status')
    .description('list the issues: who works on what, and what waits')
    .option('-a, --all', 'with those destroyed more than a day ago')
    .option('-w, --watch', 'keep the list on the terminal up to date until Ctrl-C')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
Examples:
  orchestrator status
  orchestrator status --watch
  orchestrator status --json | jq -r '.issues[] | select(.phase == "failed") | .url'`,
    )
    .action(async (_, command: Command) => {
      const options: StatusOptions = command.optsWithGlobals();
      if (options.watch && (options.json || !process.stdout.isTTY)) {
        throw new CliError(
          exitCodes.usage,
          '--watch needs a terminal. For programs: call `status --json` again.',
        );
      }
      const client = connect(options);
      if (options.watch) {
        return watch(client, options);
      }
      const issues = await list(client, options);
      if (options.json) {
        printJson({ issues });
      } else {
        print(formatStatus(issues, terminalWidth(), Date.now()));
      }
    });
}

async function list(client: ApiClient, { all }: StatusOptions): Promise<IssueView[]> {
  const { issues } = await client.issues();
  return all ? issues : leaveOutFinished(issues, Date.now());
}

/** Without those destroyed more than a day ago. */
export function leaveOutFinished(issues: readonly IssueView[], now: number): IssueView[] {
  return issues.filter(
    ({ phase, since }) => phase !== 'destroyed' || Date.parse(since) > now - dayMs,
  );
}

/** An orchestrator that is away comes back: the watch goes on. */
async function watch(client: ApiClient, options: StatusOptions): Promise<never> {
  for (;;) {
    let screen: string;
    try {
      const issues = await list(client, options);
      screen = formatStatus(issues, terminalWidth(), Date.now());
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) {
        throw error;
      }
      screen = colours.red(error.message);
    }
    const heading = colours.dim(
      `${new Date().toLocaleTimeString('sv-SE')}, every ${watchIntervalMs / 1000} s, Ctrl-C to end`,
    );
    process.stdout.write(`\u001b[H\u001b[2J${heading}\n\n${screen}\n`);
    await delay(watchIntervalMs);
  }
}

/** @param width columns of the terminal; undefined: nothing is cut */
export function formatStatus(
  issues: readonly IssueView[],
  width: number | undefined,
  now: number,
): string {
  if (issues.length === 0) {
    return 'No issues. One is taken up when it is open, has a label bot-bottle:<agent>, and is assigned to a member of the org.';
  }
  const attention = issues.flatMap((issue): [string, string][] =>
    issue.attention === null ? [] : [[issue.name, oneLine(issue.attention)]],
  );
  if (attention.length === 0) {
    return formatTable(columns(now), issues, width);
  }
  const nameWidth = Math.max(...attention.map(([name]) => name.length));
  return [
    formatTable(columns(now), issues, width),
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
function columns(now: number): Column<IssueView>[] {
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
        parkedUntil === null ? phase : `${phase} until ${formatTimeAhead(parkedUntil, now)}`,
      colour: (issue, text) => colourPhase(issue.phase, text),
      // Enough for the longest phase.
      shrink: { least: 10, keep: 'start' },
    },
    { header: 'SINCE', text: (issue) => elapsedSince(issue.since, now) },
    {
      header: 'CHECK-IN',
      text: ({ lastCheckinAt }) =>
        lastCheckinAt === null ? '-' : `${elapsedSince(lastCheckinAt, now)} ago`,
    },
    {
      header: 'PR',
      text: ({ pullRequest }) =>
        pullRequest === null ? '-' : `#${pullRequest.number}${pullRequest.merged ? ' merged' : ''}`,
    },
    { header: 'SLUG', text: (issue) => issue.slug, shrink: { least: 9, keep: 'end' } },
  ];
}
