import type { AgentManifest } from '../agents/agent-manifest.ts';
import type { BottleManifest } from '../agents/bottle-inheritance.ts';
import type { LaunchPlan } from '../agents/catalogue.ts';
import type { BackendCheck, BottleBackend } from '../bottles/backend.ts';
import type { Manifests } from '../agents/manifests.ts';
import type { LoadOptions } from '../config/load.ts';

/** The manifests of this machine, and what their bottles can be. */
export interface LocalManifests extends Manifests {
  /** The data directory, where they lie. */
  readonly directory: string;
  /** Looks which backends work here, the preferred one first. */
  findBackends(): Promise<
    readonly { readonly backend: BottleBackend; readonly check: BackendCheck }[]
  >;
  /** @throws LaunchRefusedError when these two do not go together */
  plan(
    agent: AgentManifest,
    bottle: { readonly name: string; readonly manifest: BottleManifest },
  ): LaunchPlan;
}

/** Reads the manifests; no orchestrator has to run. */
export type ManifestsHandler = (options: LoadOptions) => Promise<LocalManifests>;
