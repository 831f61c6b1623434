import type { Command } from 'commander';
import type { SetupFlags } from '../config/load-setup.ts';
import type { GlobalOptions } from './global-options.ts';

/** What `init` and `webhook` are told of the forge. */
export interface SetupOptions extends GlobalOptions {
  readonly forge?: string;
  readonly forgeTokenFile?: string;
  readonly setupTokenFile?: string;
  readonly org?: string;
  readonly publicUrl?: string;
}

export function withSetupOptions(command: Command): Command {
  return command
    .option('--forge <address>', 'where your Gitea is (FORGE_GITEA_API)')
    .option('--forge-token-file <file>', "file with the token of the orchestrator's account")
    .option(
      '--setup-token-file <file>',
      'file with a token of somebody who administrates the repositories; it is not kept',
    )
    .option('--public-url <address>', 'where Gitea reaches the orchestrator');
}

export function setupFlags(options: SetupOptions): SetupFlags {
  const { config, forge, forgeTokenFile, setupTokenFile, org, publicUrl } = options;
  return {
    ...(config !== undefined && { configFile: config }),
    ...(forge !== undefined && { forge }),
    ...(forgeTokenFile !== undefined && { forgeTokenFile }),
    ...(setupTokenFile !== undefined && { setupTokenFile }),
    ...(org !== undefined && { org }),
    ...(publicUrl !== undefined && { publicUrl }),
  };
}
