import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { issueArgument, type IssueWord } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function freezeCommand(): Command {
  return new Command('freeze')
    .description('stop the run and keep its whole state')
    .addArgument(issueArgument())
    .addHelpText(
      'after',
      helpText(['orchestrator freeze acme/rocket#3', 'orchestrator freeze 3 -o json']),
    )
    .action(async (issue: IssueWord, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'is being frozen. `orchestrator resume` runs it again.';
      await sendCommand(issue, 'freeze', effect, options);
    });
}
