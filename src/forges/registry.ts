import type { Forge } from './forge.ts';
import { createGiteaForge } from './gitea/gitea-forge.ts';
import { giteaWebhooks } from './gitea/parse-webhook.ts';
import type { WebhookParser } from './webhook.ts';

export interface ForgeSettings {
  /** Base of the forge's API, e.g. `https://gitea.example/api/v1`. */
  readonly apiUrl: string;
  readonly token: string;
  /** Host and port under which people and webhooks know the forge. Default: the host of `apiUrl`. */
  readonly host?: string;
  /** For each request. Default: 30,000. */
  readonly timeoutMs?: number;
}

interface Adapter {
  create(settings: ForgeSettings): Forge;
  readonly webhooks: WebhookParser;
}

const adapters = {
  gitea: { create: createGiteaForge, webhooks: giteaWebhooks },
} satisfies Record<string, Adapter>;

/** The kinds of forge there are, as they appear in settings and in `/webhooks/<kind>`. */
export type ForgeKind = keyof typeof adapters;

/** @throws ConfigError when the settings cannot be used */
export function createForge(kind: ForgeKind, settings: ForgeSettings): Forge {
  return adapters[kind].create(settings);
}

export function webhookParser(kind: ForgeKind): WebhookParser {
  return adapters[kind].webhooks;
}
