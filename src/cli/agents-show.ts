import { Command } from 'commander';
import type { LaunchPlan } from '../agents/catalogue.ts';
import { formatDuration } from '../domain/duration.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { Budget } from '../domain/usage.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { loadOptions, type GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import type { ManifestsHandler } from './local-manifests.ts';
import { formatPairs } from './table.ts';
import { colours, oneLine, print, printJson, terminalWidth } from './terminal.ts';

interface ShowOptions extends GlobalOptions {
  readonly bottle?: string;
}

/** In place of a run's prompt, which an issue makes. */
const placeholder = '<prompt>';

export function showAgentCommand(open: ManifestsHandler): Command {
  return new Command('show')
    .description('all that an agent would be started with, as its manifest and its bottle say')
    .argument('<agent>', 'its name')
    .option('--bottle <name>', 'in this bottle instead of its own')
    .addHelpText(
      'after',
      helpText([
        'orchestrator agents show implementer',
        'orchestrator agents show implementer --bottle large',
        'orchestrator agents show implementer --json | jq -r .digest',
      ]),
    )
    .action(async (name: string, _, command: Command) => {
      const options: ShowOptions = command.optsWithGlobals();
      const shown = await show(name, options, open);
      if (options.json) {
        printJson(shown);
      } else {
        print(format(shown));
      }
    });
}

async function show(name: string, options: ShowOptions, open: ManifestsHandler) {
  const { agents, bottles, problems, plan } = await open(loadOptions(options));
  const refuse = (kind: 'agent' | 'bottle', wanted: string): never => {
    const problem = problems.find((one) => one.kind === kind && one.name === wanted);
    const known = [...(kind === 'agent' ? agents : bottles).keys()].join(', ') || 'none';
    throw problem === undefined
      ? new CliError(exitCodes.notFound, `There is no ${kind} ${wanted}. Known: ${known}.`)
      : new CliError(exitCodes.error, `${problem.error.message}.`);
  };
  const agent = agents.get(name) ?? refuse('agent', name);
  const bottleName = options.bottle ?? agent.bottle;
  if (bottleName === undefined) {
    throw new CliError(exitCodes.usage, `The agent ${name} names no bottle: give --bottle <name>.`);
  }
  const bottle = bottles.get(bottleName) ?? refuse('bottle', bottleName);
  try {
    const { command, routes, sandbox, ...rest } = plan(agent, {
      name: bottleName,
      manifest: bottle,
    });
    const { argv, environment, files } = command({ prompt: placeholder, session: undefined });
    return {
      agent: name,
      bottle: bottleName,
      // Null: which one it is depends on what works where the orchestrator runs.
      backend: bottle.backend ?? null,
      manifests: [agent.source.file, ...bottle.sources.map(({ file }) => file)],
      ...sandbox,
      ...rest,
      routes,
      argv,
      environment: { ...rest.environment, ...environment },
      files,
    };
  } catch (error) {
    throw error instanceof LaunchRefusedError
      ? new CliError(exitCodes.error, error.message)
      : error;
  }
}

type Shown = Awaited<ReturnType<typeof show>>;

function format(shown: Shown): string {
  const rows: [string, string][] = [
    ['provider', shown.provider],
    ['model', shown.model ?? "the program's own choice"],
    ['bottle', `${shown.bottle} (${shown.backend ?? 'local where that works, else docker'})`],
    ['image', shown.image ?? ''],
    ['limits', formatLimits(shown.limits)],
    ['time', shown.timeLimitMs === undefined ? '' : formatDuration(shown.timeLimitMs)],
    ['budget', formatBudgets(shown)],
    ['egress', shown.egress.join(', ') || 'none'],
    [
      'llm',
      Object.entries(shown.routes)
        .map(([name, { protocol, upstream }]) => `${name} (${protocol}, ${upstream})`)
        .join(', ') || 'none',
    ],
    ['tools', (shown.tools ?? []).join(', ')],
    [
      'environment',
      Object.entries(shown.environment)
        .map(([name, value]) => `${name}=${oneLine(value)}`)
        .join(' '),
    ],
    ['files', Object.keys(shown.files).join(', ')],
    ['command', shown.argv.map(quote).join(' ')],
    ['manifests', shown.manifests.join(', ')],
    ['digest', shown.digest],
  ];
  const told = rows.filter(([, value]) => value !== '');
  const nameWidth = Math.max(...told.map(([name]) => name.length));
  return [
    colours.bold(shown.agent),
    formatPairs(told, nameWidth, terminalWidth()),
    ...(shown.standingPrompt === '' ? [] : ['', shown.standingPrompt]),
  ].join('\n');
}

function formatLimits({
  memoryBytes,
  cpus,
  pids,
  diskBytes,
}: LaunchPlan['sandbox']['limits']): string {
  return [
    memoryBytes === undefined ? [] : [`memory ${formatBytes(memoryBytes)}`],
    cpus === undefined ? [] : [`cpus ${cpus}`],
    pids === undefined ? [] : [`pids ${pids}`],
    diskBytes === undefined ? [] : [`disk ${formatBytes(diskBytes)}`],
  ]
    .flat()
    .join(', ');
}

/** As a manifest may say it. */
function formatBytes(bytes: number): string {
  const power = [3, 2, 1].find((candidate) => bytes % 1024 ** candidate === 0) ?? 0;
  return `${bytes / 1024 ** power}${['', 'k', 'm', 'g'][power] ?? ''}`;
}

function formatBudgets({ runBudget, issueBudget }: LaunchPlan | Shown): string {
  const format = (of: string, { tokens, usd }: Budget): string[] => [
    ...(tokens === undefined ? [] : [`${tokens} tokens for each ${of}`]),
    ...(usd === undefined ? [] : [`$${usd} for each ${of}`]),
  ];
  return [...format('run', runBudget), ...format('issue', issueBudget)].join(', ') || 'none';
}

/** As a shell reads it. */
function quote(word: string): string {
  const shown = oneLine(word);
  return /^[\w@%+=:,./-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
