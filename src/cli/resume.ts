import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { issueArgument, type IssueWord } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function resumeCommand(): Command {
  return new Command('resume')
    .description('run again on the frozen state, with the unread comments')
    .addArgument(issueArgument())
    .addHelpText(
      'after',
      helpText(['orchestrator resume acme/rocket#3', 'orchestrator resume 3 -o json']),
    )
    .action(async (issue: IssueWord, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'will resume as soon as a place is free.';
      await sendCommand(issue, 'resume', effect, options);
    });
}
