import { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import { helpText } from './help-text.ts';
import { runOptions, withRunOptions, type RunOptions } from './run-options.ts';

/** Runs Temporal and the orchestrator and resolves with the latter's exit code. */
export type DevHandler = (options: LoadOptions) => Promise<number>;

export function devCommand(dev: DevHandler): Command {
  return withRunOptions(new Command('dev'))
    .description('run the orchestrator together with a Temporal development server')
    .addHelpText(
      'after',
      helpText(
        [
          `FORGE_GITEA_API=https://gitea.example.com/api/v1 \\
  FORGE_TOKEN_FILE=~/forge-token FORGE_WEBHOOK_SECRET_FILE=~/webhook-secret \\
  orchestrator dev`,
        ],
        'Temporal listens on ports 7233 and, for its UI, 8233, and keeps its workflows in the data directory; one that runs there already is used as it is. TEMPORAL_ADDRESS names another port, or another Temporal. The settings are those of `orchestrator run`; without a forge, see `orchestrator demo`.',
      ),
    )
    .action(async (_, command: Command) => {
      const options: RunOptions = command.optsWithGlobals();
      process.exit(await dev(runOptions(options)));
    });
}
