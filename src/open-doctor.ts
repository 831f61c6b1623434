import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findBackends } from './bottles/registry.ts';
import { programVersion } from './built.ts';
import { problemsOf, warningsOf } from './cli/manifest-problems.ts';
import { examineConfig } from './config/examine.ts';
import type { LoadOptions } from './config/load.ts';
import type { Environment } from './config/sources.ts';
import { openInstallation, type Doctor } from './doctor/doctor.ts';
import type { Place } from './forges/forge-setup.ts';
import { readLocalManifests } from './open-manifests.ts';
import { openWatch } from './open-setup.ts';

/** The doctor of this machine's installation, for the command line: no orchestrator has to run. */
export async function openDoctor(
  environment: Environment,
  options: LoadOptions,
  places: readonly Place[],
): Promise<Doctor> {
  const config = examineConfig(environment, options);
  const { dataDirectory, dockerHost, botBottleCli, routes } = config;
  return openInstallation({
    config,
    places,
    version: programVersion(),
    hostId: await readFile(join(dataDirectory, 'host-id'), 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    ),
    findBackends: () => findBackends({ dockerHost, botBottleCli }),
    async readManifests() {
      const read = await readLocalManifests({ dataDirectory, routes, dockerHost, botBottleCli });
      return { ...read, problems: problemsOf(read), warnings: warningsOf(read) };
    },
    openWatch: (port, secret) => openWatch(environment, options, port, secret),
  });
}
