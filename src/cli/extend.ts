import { Command } from 'commander';
import { durationForm, formatDuration } from '../domain/duration.ts';
import { readDuration } from './duration-argument.ts';
import type { GlobalOptions } from './global-options.ts';
import { readIssueName } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function extendCommand(): Command {
  return new Command('extend')
    .description("move the running run's deadline")
    .argument('<issue>', "owner/repo#number, or the issue's address")
    .argument('<duration>', durationForm, readDuration)
    .option('--json', 'for programs')
    .addHelpText('after', '\nExample:\n  orchestrator extend acme/rocket#3 2h')
    .action(async (text: string, ms: number, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => `may run ${formatDuration(ms)} longer.`;
      await sendCommand(readIssueName(text), 'extend', effect, options, { seconds: ms / 1000 });
    });
}
