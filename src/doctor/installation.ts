import { existsSync } from 'node:fs';
import type { ExaminedConfig } from '../config/examine.ts';
import type { Place } from '../forges/forge-setup.ts';
import type { DeliveryWatch } from '../setup/delivery-watch.ts';
import type { FoundBackends } from './backends.ts';
import type { InspectedRepository } from './inspect-store.ts';
import type { ExaminedManifests } from './manifests.ts';
import { inspectStore } from './store.ts';

/** What is examined: an installation as it is now. */
export interface Installation {
  readonly config: ExaminedConfig;
  /** What somebody named, besides the repositories that the store knows. */
  readonly places: readonly Place[];
  /** Of this program. */
  readonly version: string;
  readonly hostId: string | undefined;
  readonly findBackends: () => Promise<FoundBackends>;
  readonly readManifests: () => Promise<ExaminedManifests>;
  /** @throws ConfigError when the orchestrator's port is taken by another program */
  readonly openWatch: (port: number, secret: string) => Promise<DeliveryWatch>;
}

const storeAnswerMs = 5_000;

/** Those whose webhooks have arrived, as they are called now. Their host is that of the webhooks: the API may have another. */
export async function knownRepositories({
  config: { databaseFile },
}: Installation): Promise<readonly InspectedRepository[]> {
  if (!existsSync(databaseFile)) return [];
  const { repositories } = await inspectStore(databaseFile, AbortSignal.timeout(storeAnswerMs));
  return repositories;
}
