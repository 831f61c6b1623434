import { Command } from 'commander';
import { approveCommand } from './approve.ts';
import { exitCodes } from './cli-error.ts';
import { destroyCommand } from './destroy.ts';
import { extendCommand } from './extend.ts';
import { freezeCommand } from './freeze.ts';
import { addGlobalOptions } from './global-options.ts';
import { examplesText, listText } from './help-text.ts';
import { logsCommand } from './logs.ts';
import { resumeCommand } from './resume.ts';
import { retryCommand } from './retry.ts';
import { runCommand, type RunHandler } from './run.ts';
import { showCommand } from './show.ts';
import { statusCommand } from './status.ts';
import { tokenCommand } from './token.ts';

export interface ProgramParts {
  readonly version: string;
  readonly run: RunHandler;
  /** Commands that need more than the API, e.g. the demo. */
  readonly further?: readonly Command[];
}

/** The command line `orchestrator`. `runProgram` runs it. */
export function buildProgram({ version, run, further = [] }: ProgramParts): Command {
  const program = new Command('orchestrator')
    .description('A durable orchestrator for coding agents: an issue becomes a pull request.')
    .version(version)
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .addHelpText('after', programHelp);
  addGlobalOptions(program);
  const ofIssues = [
    statusCommand(),
    showCommand(),
    logsCommand(),
    approveCommand(),
    freezeCommand(),
    resumeCommand(),
    retryCommand(),
    destroyCommand(),
    extendCommand(),
  ];
  for (const command of [
    runCommand(run),
    ...further,
    tokenCommand(),
    ...ofIssues.map((one) => one.helpGroup('Commands for issues:')),
  ]) {
    program.addCommand(inherit(command, program));
  }
  return program;
}

function programHelp(): string {
  return [
    examplesText([
      'orchestrator demo --once',
      'orchestrator status --watch',
      'orchestrator logs -f acme/rocket#3',
      'orchestrator show 3 -o json | jq .usage',
      'orchestrator status --url https://bottles.example.com --token-file ~/token',
    ]),
    listText('Environment', environmentMeanings),
    listText('Exit codes', exitCodeMeanings),
  ].join('\n');
}

const environmentMeanings = [
  ['ORCHESTRATOR_URL', 'where the orchestrator is, as --url'],
  ['ORCHESTRATOR_TOKEN_FILE', "file with the API's token, as --token-file"],
  [
    'ORCHESTRATOR_TOKEN',
    'the token itself; no other user of this machine can read it, as they can --token',
  ],
  ['NO_COLOR, FORCE_COLOR', 'no colours; colours also where the output is no terminal'],
] as const;

const exitCodeMeanings = [
  [`${exitCodes.ok}`, 'done'],
  [`${exitCodes.error}`, 'error, or refused'],
  [`${exitCodes.usage}`, 'the command line or the settings are wrong'],
  [`${exitCodes.notFound}`, 'not found'],
  [`${exitCodes.checkFailed}`, 'a check failed'],
  [`${exitCodes.unreachable}`, 'the orchestrator, or Temporal behind it, cannot be reached'],
  [`${exitCodes.interrupted}`, 'ended by Ctrl-C'],
] as const;

function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  command.commands.forEach((below) => inherit(below, command));
  return command;
}
