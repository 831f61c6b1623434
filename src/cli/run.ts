import { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import type { GlobalOptions } from './global-options.ts';

/** Runs the orchestrator until it is told to stop. */
export type RunHandler = (options: LoadOptions) => Promise<void>;

interface RunOptions extends GlobalOptions {
  readonly insecureWebhooks?: true;
}

export function runCommand(run: RunHandler): Command {
  return new Command('run')
    .description('run the orchestrator: webhooks, API, workflows, and the bottles of this host')
    .option('--insecure-webhooks', 'accept unsigned deliveries (for experiments only)')
    .addHelpText(
      'after',
      `
It needs FORGE_GITEA_API, FORGE_TOKEN, FORGE_WEBHOOK_SECRET, and a Temporal server (TEMPORAL_ADDRESS, default
localhost:7233). Secrets may be given as files: FORGE_TOKEN_FILE, FORGE_WEBHOOK_SECRET_FILE.

Example:
  FORGE_GITEA_API=https://gitea.example.com/api/v1 FORGE_TOKEN_FILE=~/forge-token \\
    FORGE_WEBHOOK_SECRET_FILE=~/webhook-secret orchestrator run`,
    )
    .action(async (_, command: Command) => {
      const options: RunOptions = command.optsWithGlobals();
      await run({
        ...(options.config !== undefined && { configFile: options.config }),
        ...(options.insecureWebhooks && { insecureWebhooks: true }),
      });
    });
}
