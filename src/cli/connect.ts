import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import {
  type ClientConfig,
  type ClientLoadOptions,
  environment,
  loadClientConfig,
} from '../config/load.ts';
import { ApiClient } from './api-client.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';

/**
 * The API as the options and the settings say. From here on the process is a client: Ctrl-C ends it at once, and so
 * does a reader of its output that has gone (`| head`).
 * @throws ConfigError, or CliError when there is no token
 */
export function connect(options: GlobalOptions): ApiClient {
  process.once('SIGINT', () => process.exit(exitCodes.interrupted));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      process.exit(exitCodes.ok);
    }
    throw error;
  });
  const config = loadClientConfig(environment(), clientOptions(options));
  return new ApiClient({
    url: config.url,
    ...(config.token === undefined
      ? readTokenOfThisMachine(requireTokenFile(config))
      : { token: config.token, tokenSource: tokenSource(options) }),
  });
}

/** What the options say of the API. */
export function clientOptions(options: GlobalOptions): ClientLoadOptions {
  const { config, url, token, tokenFile } = options;
  return {
    ...(config !== undefined && { configFile: config }),
    ...(url !== undefined && { url }),
    ...(token !== undefined && { token }),
    ...(tokenFile !== undefined && { tokenFile }),
  };
}

function tokenSource({ token, tokenFile }: GlobalOptions): string {
  const variable = environment()['ORCHESTRATOR_TOKEN_FILE']
    ? 'ORCHESTRATOR_TOKEN_FILE'
    : 'ORCHESTRATOR_TOKEN';
  return token === undefined ? (tokenFile ?? variable) : '--token';
}

/** Who asks, for an issue's timeline. */
export function callerName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without an entry in the password file, as in many containers.
    return 'cli';
  }
}

/** @throws CliError when the orchestrator is another than this machine's */
export function requireTokenFile({ url, apiTokenFile }: ClientConfig): string {
  if (apiTokenFile === undefined) {
    throw new CliError(
      exitCodes.usage,
      `The orchestrator at ${url} is not this machine's, whose token it is not sent: give its own with --token-file, ORCHESTRATOR_TOKEN_FILE or ORCHESTRATOR_TOKEN.`,
    );
  }
  return apiTokenFile;
}

function readTokenOfThisMachine(path: string): { token: string; tokenSource: string } {
  try {
    return { token: readFileSync(path, 'utf8').trim(), tokenSource: path };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CliError(
      exitCodes.error,
      `There is no API token: ${path} cannot be read (${code}). \`orchestrator run\` makes it at its first start; for an orchestrator elsewhere, or of another user, give its token with --token-file, ORCHESTRATOR_TOKEN_FILE or ORCHESTRATOR_TOKEN.`,
    );
  }
}
