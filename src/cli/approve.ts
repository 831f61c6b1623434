import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { readIssueName } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function approveCommand(): Command {
  return new Command('approve')
    .description('let a run begin that waits for approval')
    .argument('<issue>', "owner/repo#number, or the issue's address")
    .option('--json', 'for programs')
    .addHelpText('after', '\nExample:\n  orchestrator approve acme/rocket#3')
    .action(async (text: string, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'is approved, and begins as soon as a place is free.';
      await sendCommand(readIssueName(text), 'approve', effect, options);
    });
}
