import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { issueArgument, type IssueWord } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

interface DestroyOptions extends GlobalOptions {
  readonly yes?: true;
}

export function destroyCommand(): Command {
  return new Command('destroy')
    .description("remove the issue's bottle; its branch and pull request stay")
    .addArgument(issueArgument())
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      helpText(['orchestrator destroy acme/rocket#3', 'orchestrator destroy --yes acme/rocket#3']),
    )
    .action(async (issue: IssueWord, _, command: Command) => {
      const options: DestroyOptions = command.optsWithGlobals();
      await sendCommand(issue, 'destroy', () => 'is being destroyed.', options, {
        ...(!options.yes && { confirm }),
      });
    });
}

/** @throws CliError unless a person at a terminal says yes */
async function confirm(issue: string): Promise<void> {
  if (!process.stdin.isTTY) {
    throw new CliError(
      exitCodes.usage,
      'Nobody can be asked here: say --yes to destroy the bottle.',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  terminal.once('SIGINT', () => process.exit(exitCodes.interrupted));
  try {
    const question = `Destroy the bottle of ${issue}? What is not pushed is lost. [y/N] `;
    // Rejected by Ctrl-D, which leaves the cursor on the line of the question.
    const answer = await terminal.question(question).catch(() => {
      process.stderr.write('\n');
      return '';
    });
    if (!/^y(es)?$/i.test(answer.trim())) {
      throw new CliError(exitCodes.error, 'Nothing was destroyed.');
    }
  } finally {
    terminal.close();
  }
}
