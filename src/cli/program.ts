import { Command } from 'commander';
import { approveCommand } from './approve.ts';
import { destroyCommand } from './destroy.ts';
import { extendCommand } from './extend.ts';
import { freezeCommand } from './freeze.ts';
import { logsCommand } from './logs.ts';
import { resumeCommand } from './resume.ts';
import { retryCommand } from './retry.ts';
import { runCommand, type RunHandler } from './run.ts';
import { showCommand } from './show.ts';
import { statusCommand } from './status.ts';

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
    .option('--config <file>', 'settings file (default: orchestrator.toml in the data directory)')
    .option('--url <address>', 'where the orchestrator is (default: this machine)')
    .option(
      '--token-file <file>',
      "file with the API's token (default: api-token in the data directory)",
    )
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 error or refused, 2 usage or settings, 3 not found, 4 a check failed, 5 unreachable.`,
    );
  for (const command of [
    runCommand(run),
    ...further,
    statusCommand(),
    showCommand(),
    logsCommand(),
    approveCommand(),
    freezeCommand(),
    resumeCommand(),
    retryCommand(),
    destroyCommand(),
    extendCommand(),
  ]) {
    program.addCommand(inherit(command, program));
  }
  return program;
}

function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  command.commands.forEach((below) => inherit(below, command));
  return command;
}
