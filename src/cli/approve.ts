import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { issueArgument, type IssueWord } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function approveCommand(): Command {
  return new Command('approve')
    .description('let a run begin that waits for approval')
    .addArgument(issueArgument())
    .addHelpText(
      'after',
      helpText(['orchestrator approve acme/rocket#3', 'orchestrator approve 3 -o json']),
    )
    .action(async (issue: IssueWord, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'is approved, and begins as soon as a place is free.';
      await sendCommand(issue, 'approve', effect, options);
    });
}
