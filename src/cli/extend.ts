import { Command } from 'commander';
import { durationForm, formatDuration } from '../domain/duration.ts';
import { readDuration } from './duration-argument.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { issueArgument, type IssueWord } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function extendCommand(): Command {
  return new Command('extend')
    .description("move the running run's deadline")
    .addArgument(issueArgument())
    .argument('<duration>', durationForm, readDuration)
    .addHelpText(
      'after',
      helpText(['orchestrator extend acme/rocket#3 2h', 'orchestrator extend 3 30m -o json']),
    )
    .action(async (issue: IssueWord, ms: number, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => `may run ${formatDuration(ms)} longer.`;
      await sendCommand(issue, 'extend', effect, options, { seconds: ms / 1000 });
    });
}
