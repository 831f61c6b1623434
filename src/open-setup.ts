import { readFileSync } from 'node:fs';
import { ApiClient } from './cli/api-client.ts';
import { CliError, exitCodes } from './cli/cli-error.ts';
import { requireTokenFile } from './cli/connect.ts';
import type { InitHandler } from './cli/init.ts';
import type { WebhookHandler } from './cli/webhook.ts';
import { type ClientLoadOptions, loadClientConfig } from './config/load.ts';
import { loadSetupConfig } from './config/load-setup.ts';
import type { Environment } from './config/sources.ts';
import { createForgeSetup } from './forges/setup-registry.ts';
import type { DeliveryWatch } from './setup/delivery-watch.ts';
import { initialise } from './setup/init.ts';
import { handleWebhook } from './setup/handle-webhook.ts';
import { listenForDeliveries } from './setup/temporary-listener.ts';

/** `init`, on the real forge, with the settings of `environment`. */
export function openInit(environment: Environment): InitHandler {
  return async (flags, client, parts) => {
    const config = loadSetupConfig(environment, flags);
    return initialise({
      config,
      ...parts,
      connect,
      openWatch: (secret) => openWatch(environment, client, config.port, secret),
    });
  };
}

/** `webhook`, likewise. */
export function openWebhook(environment: Environment): WebhookHandler {
  return async (flags, client, action, place, signal) => {
    const config = loadSetupConfig(environment, flags);
    return handleWebhook({
      config,
      action,
      place,
      signal,
      connect,
      openWatch: (secret) => openWatch(environment, client, config.port, secret),
    });
  };
}

function connect(apiUrl: string, token: string) {
  return createForgeSetup('gitea', { apiUrl, token });
}

/**
 * The running orchestrator tells what arrives. Where none runs on this machine, and none elsewhere is asked for, somebody
 * listens in its place.
 */
export async function openWatch(
  environment: Environment,
  client: ClientLoadOptions,
  port: number,
  secret: string,
): Promise<DeliveryWatch> {
  const config = loadClientConfig(environment, client);
  const { url, token } = config;
  const api = new ApiClient({
    url,
    token: token ?? readToken(requireTokenFile(config)),
    tokenSource: token === undefined ? 'the data directory' : 'the settings or options',
  });
  try {
    await api.webhookReceipts();
  } catch (error) {
    const isAway = error instanceof CliError && error.exitCode === exitCodes.unreachable;
    if (isAway && client.url === undefined) {
      return listenForDeliveries(port, secret);
    }
    throw error;
  }
  return {
    async find(test) {
      const [receipt] = (await api.webhookReceipts(test)).receipts;
      if (receipt === undefined) {
        return undefined;
      }
      const { verdict, status, reason } = receipt;
      return { accepted: verdict !== 'refused', status, reason: reason ?? undefined };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Before its first start there is none, and nobody who would ask for it. */
function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'none';
  }
}
