import { Command } from 'commander';
import type { GlobalOptions } from './global-options.ts';
import { readIssueName } from './issue-name.ts';
import { sendCommand } from './send-command.ts';

export function freezeCommand(): Command {
  return new Command('freeze')
    .description('stop the run and keep its whole state')
    .argument('<issue>', "owner/repo#number, or the issue's address")
    .option('--json', 'for programs')
    .addHelpText('after', '\nExample:\n  orchestrator freeze acme/rocket#3')
    .action(async (text: string, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const effect = () => 'is being frozen. `orchestrator resume` runs it again.';
      await sendCommand(readIssueName(text), 'freeze', effect, options);
    });
}
