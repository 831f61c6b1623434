import { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';

/** Runs Temporal and the orchestrator and resolves with the latter's exit code. */
export type DevHandler = (options: LoadOptions) => Promise<number>;

interface DevOptions extends GlobalOptions {
  readonly insecureWebhooks?: true;
}

export function devCommand(dev: DevHandler): Command {
  return new Command('dev')
    .description('run the orchestrator together with a Temporal development server')
    .option('--insecure-webhooks', 'accept unsigned deliveries (for experiments only)')
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
      const options: DevOptions = command.optsWithGlobals();
      process.exit(
        await dev({
          ...(options.config !== undefined && { configFile: options.config }),
          ...(options.insecureWebhooks && { insecureWebhooks: true }),
        }),
      );
    });
}
