import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { readIssueName } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function resumeCommand(): Command {
  return new Command('resume')
    .description('run again on the frozen state, with the unread comments')
    .argument('<issue>', "owner/repo#number, or the issue's address")
    .option('--json', 'for programs')
    .addHelpText('after', '\nExample:\n  orchestrator resume acme/rocket#3')
    .action(async (text: string, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'will resume as soon as a place is free.';
      await sendCommand(readIssueName(text), 'resume', effect, options);
    });
}
