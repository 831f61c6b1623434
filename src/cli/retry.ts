import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { issueArgument, type IssueWord } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function retryCommand(): Command {
  return new Command('retry')
    .description('try again what failed, or begin another life')
    .addArgument(issueArgument())
    .addHelpText(
      'after',
      helpText(['orchestrator retry acme/rocket#3', 'orchestrator retry 3 -o json']),
    )
    .action(async (issue: IssueWord, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'is tried again as soon as a place is free.';
      await sendCommand(issue, 'retry', effect, options);
    });
}
