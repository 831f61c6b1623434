import { Command } from 'commander';
import { showAgentCommand } from './agents-show.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { count } from './count.ts';
import { loadOptions, type GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import type { ManifestsHandler } from './local-manifests.ts';
import { problemsOf, warningsOf } from './manifest-problems.ts';
import { formatTable } from './table.ts';
import { colours, print, printJson, terminalWidth } from './terminal.ts';

export function agentsCommand(open: ManifestsHandler): Command {
  return new Command('agents')
    .description("list, show and check this machine's agents, as their manifests say")
    .addHelpText(
      'after',
      helpText(
        ['orchestrator agents list', 'orchestrator agents validate'],
        "Reads agents/ and bottles/ in the data directory; no orchestrator has to run. The routes to models are those that this command's environment and settings file say: give it the orchestrator's.",
        "A repository's own agents (.bot-bottle/agents/ on its default branch) are read when an issue asks for them, and are not among these.",
      ),
    )
    .addCommand(listCommand(open))
    .addCommand(showAgentCommand(open))
    .addCommand(validateCommand(open));
}

function listCommand(open: ManifestsHandler): Command {
  return new Command('list')
    .description('list the agents: provider, model, bottle')
    .addHelpText(
      'after',
      helpText([
        'orchestrator agents list',
        "orchestrator agents list --json | jq -r '.agents[].name'",
      ]),
    )
    .action(async (_, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const manifests = await open(loadOptions(options));
      const agents = [...manifests.agents].map(([name, { provider, model, bottle }]) => ({
        name,
        provider,
        model: model ?? null,
        bottle: bottle ?? null,
      }));
      const problems = problemsOf(manifests);
      if (options.json) {
        printJson({ agents, problems: problems.length });
        return;
      }
      print(
        agents.length === 0
          ? `No agents. One is a file ${manifests.directory}/agents/<name>.md.`
          : formatTable(
              [
                { header: 'AGENT', text: ({ name }) => name },
                { header: 'PROVIDER', text: ({ provider }) => provider },
                { header: 'MODEL', text: ({ model }) => model ?? '-' },
                { header: 'BOTTLE', text: ({ bottle }) => bottle ?? '-' },
              ],
              agents,
              terminalWidth(),
            ),
      );
      if (problems.length > 0) {
        print(
          `\n${colours.red(count(problems.length, 'problem'))}: \`orchestrator agents validate\``,
        );
      }
    });
}

function validateCommand(open: ManifestsHandler): Command {
  return new Command('validate')
    .description('check all manifests, and that each agent can be started in its bottle')
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator agents validate',
          "orchestrator agents validate --json | jq -r '.problems[].message'",
        ],
        `Tells every problem with its file, line and key, and ends with ${exitCodes.checkFailed} if there is any. What a manifest says to no effect is a warning, and no problem.`,
      ),
    )
    .action(async (_, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const manifests = await open(loadOptions(options));
      const problems = problemsOf(manifests);
      const warnings = warningsOf(manifests);
      if (options.json) {
        printJson({ problems, warnings });
      } else {
        problems.forEach(({ message }) => print(message));
        warnings.forEach(({ message }) => print(`${colours.yellow('warning:')} ${message}`));
      }
      if (problems.length > 0) {
        throw new CliError(
          exitCodes.checkFailed,
          `${count(problems.length, 'problem')} in ${manifests.directory}.`,
        );
      }
      if (!options.json) {
        const { agents, bottles } = manifests;
        const warned = warnings.length === 0 ? '' : `, ${count(warnings.length, 'warning')}`;
        print(
          `${count(agents.size, 'agent')} and ${count(bottles.size, 'bottle')}, no problem${warned}.`,
        );
      }
    });
}
