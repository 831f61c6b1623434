import type { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import { loadOptions, type GlobalOptions } from './global-options.ts';

/** What `run` and `dev` are told of the orchestrator, beside its settings. */
export interface RunOptions extends GlobalOptions {
  readonly insecureWebhooks?: true;
}

export function withRunOptions(command: Command): Command {
  return command.option('--insecure-webhooks', 'accept unsigned deliveries (for experiments only)');
}

export function runOptions(options: RunOptions): LoadOptions {
  return {
    ...loadOptions(options),
    ...(options.insecureWebhooks && { insecureWebhooks: true }),
  };
}
