import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { readIssueName } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function retryCommand(): Command {
  return new Command('retry')
    .description('try again what failed, or begin another life')
    .argument('<issue>', "owner/repo#number, or the issue's address")
    .option('--json', 'for programs')
    .addHelpText('after', '\nExample:\n  orchestrator retry acme/rocket#3')
    .action(async (text: string, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'is tried again as soon as a place is free.';
      await sendCommand(readIssueName(text), 'retry', effect, options);
    });
}
