import { CommanderError, type Command } from 'commander';
import { ConfigError } from '../domain/errors.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { errorColours, wrapWords } from './terminal.ts';

/** Runs the program and resolves with its exit code. What went wrong is told on stderr. */
export async function runProgram(program: Command, argv: readonly string[]): Promise<number> {
  overrideExit(program);
  try {
    await program.parseAsync(argv);
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has told what is wrong, or what was asked for.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    if (error instanceof CliError) {
      tell(error.message);
      return error.exitCode;
    }
    if (error instanceof ConfigError) {
      tell(error.message);
      return exitCodes.usage;
    }
    tell(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return exitCodes.error;
  }
}

function overrideExit(command: Command): void {
  command.exitOverride();
  command.commands.forEach(overrideExit);
}

function tell(message: string): void {
  const width = process.stderr.isTTY ? process.stderr.columns || undefined : undefined;
  process.stderr.write(`${wrapWords(`${errorColours.red('error:')} ${message}`, width)}\n`);
}
