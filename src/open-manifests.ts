import { loadManifests } from './agents/manifests.ts';
import { planLaunch } from './agents/plan.ts';
import { providers } from './agents/providers.ts';
import { inside } from './bottles/directory.ts';
import { findBackends } from './bottles/registry.ts';
import type { LocalManifests } from './cli/local-manifests.ts';
import { loadManifestConfig, type LoadOptions, type ManifestConfig } from './config/load.ts';
import type { Environment } from './config/sources.ts';

/** The manifests of this machine and its backends as they are now, for the command line: no orchestrator has to run. */
export async function openManifests(
  environment: Environment,
  options: LoadOptions,
): Promise<LocalManifests> {
  return await readLocalManifests(loadManifestConfig(environment, options));
}

export async function readLocalManifests({
  dataDirectory,
  routes,
  ...backends
}: ManifestConfig): Promise<LocalManifests> {
  const manifests = await loadManifests(dataDirectory, { providers, routes });
  return {
    ...manifests,
    directory: dataDirectory,
    findBackends: () => findBackends(backends),
    plan: (agent, bottle) =>
      planLaunch(bottle, agent, { routes, promptFile: inside.prompt, doorUrl: inside.doorUrl }),
  };
}
