import { Command } from 'commander';
import type { ClientLoadOptions } from '../config/load.ts';
import type { SetupFlags } from '../config/load-setup.ts';
import { ConfigError } from '../domain/errors.ts';
import type { InitResult } from '../setup/init.ts';
import type { Person } from '../setup/person.ts';
import { absentPerson, formatTold, type ToldLine } from './absent-person.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { clientOptions } from './connect.ts';
import { count } from './count.ts';
import { helpText } from './help-text.ts';
import { interruptible } from './interruptible.ts';
import { collectRepositories } from './place-argument.ts';
import { setupFlags, withSetupOptions, type SetupOptions } from './setup-options.ts';
import { print, printJson } from './terminal.ts';

/** Sets up what the flags and the person say. */
export type InitHandler = (
  flags: SetupFlags,
  client: ClientLoadOptions,
  parts: {
    readonly repositories: readonly string[];
    readonly person: Person;
    readonly signal: AbortSignal;
  },
) => Promise<InitResult>;

interface InitOptions extends SetupOptions {
  readonly repository?: readonly string[];
  readonly yes?: true;
}

export function initCommand(init: InitHandler): Command {
  return withSetupOptions(new Command('init'))
    .description('set everything up for your Gitea, step by step, and prove that it works')
    .option('--repository <owner/repo...>', 'what agents are to work on', collectRepositories)
    .option('--org <name>', 'the org whose members’ issues are taken up (default: bot-bottle)')
    .option('-y, --yes', 'ask nothing and agree to every change, for unattended use')
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator init',
          'orchestrator init --yes --forge https://gitea.example.com --repository acme/rocket \\',
          '  --setup-token-file ~/my-token --forge-token-file ~/agent-bot-token',
        ],
        "Makes or checks, asking before each change: the orchestrator's account and its token, the org and the account's membership, rights and labels of the repositories, the first agent, the settings file with its secrets, and the webhook, proved by a delivery. What is right is left as it is, so that it can be run again at any time. No orchestrator has to run.",
        'Tokens are typed, or given by FORGE_TOKEN, FORGE_SETUP_TOKEN, or files; never as an argument, where others could read them.',
        `Ends with ${exitCodes.checkFailed} if something is left to do. --json takes --yes, and tells each step.`,
      ),
    )
    .action(async (_, command: Command) => {
      const options: InitOptions = command.optsWithGlobals();
      if (options.json && !options.yes) {
        throw new ConfigError('--json asks nothing. Accepted: --yes with it.');
      }
      if (!options.yes && !(process.stdin.isTTY && process.stdout.isTTY)) {
        throw new ConfigError(
          'There is no terminal to ask at. Accepted: --yes, with everything given by options or the environment.',
        );
      }
      const told: ToldLine[] = [];
      const tell = options.json
        ? (line: ToldLine) => void told.push(line)
        : (line: ToldLine) => print(formatTold(line));
      const person = options.yes ? absentPerson(tell) : await terminal();
      const result = await interruptible((signal) =>
        init(setupFlags(options), clientOptions(options), {
          repositories: options.repository ?? [],
          person,
          signal,
        }),
      );
      if (options.json) printJson({ ...result, steps: told });
      else conclude(result);
      if (result.left > 0) {
        throw new CliError(
          exitCodes.checkFailed,
          `${count(result.left, 'thing')} left to do: see above. Then run \`orchestrator init\` again.`,
        );
      }
    });
}

/** Loaded when it is needed: the other commands start in a moment. */
async function terminal(): Promise<Person> {
  const { personAtTerminal } = await import('./person-at-terminal.ts');
  return personAtTerminal;
}

function conclude({ changes, left, repositories, agents, login }: InitResult): void {
  print();
  print(
    changes === 0
      ? 'Nothing was changed.'
      : `${count(changes, 'change')} made; run again, it changes nothing that is right.`,
  );
  if (left > 0) {
    return;
  }
  const [repository = ''] = repositories;
  const [agent = ''] = agents;
  print('Everything is as it should be.');
  print();
  print('Start it:       orchestrator dev');
  print(
    `A first issue:  in ${repository}, with the label bot-bottle:${agent} and the assignee ${login}`,
  );
}
