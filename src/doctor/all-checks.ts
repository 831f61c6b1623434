import { systemEnvironment } from '../bottles/system.ts';
import type { ExaminedConfig } from '../config/examine.ts';
import { localUrl } from '../config/load.ts';
import { backendsCheck, type FoundBackends } from './backends.ts';
import { unset, type Check } from './check.ts';
import { clockCheck, temporalClock } from './clock.ts';
import { dataDirectoryCheck } from './data-directory.ts';
import { diskCheck } from './disk.ts';
import { manifestChecks, type ExaminedManifests } from './manifests.ts';
import { modelRouteCheck } from './model-routes.ts';
import { isOrchestratorRunning, orchestratorCheck } from './orchestrator.ts';
import { versionsCheck } from './programs.ts';
import { secretFilesCheck, settingsCheck } from './settings.ts';
import { storeChecks } from './store.ts';
import { temporalChecks } from './temporal.ts';

/** What is examined: an installation as it is now. */
export interface Installation {
  readonly config: ExaminedConfig;
  /** Of this program. */
  readonly version: string;
  readonly hostId: string | undefined;
  readonly findBackends: () => Promise<FoundBackends>;
  readonly readManifests: () => Promise<ExaminedManifests>;
}

/** In the order in which they are told: each after those that explain it. */
export function allChecks(installation: Installation): readonly Check[] {
  const { config, version, findBackends, readManifests } = installation;
  const settings = settingsCheck(config);
  const backends = backendsCheck({
    find: findBackends,
    wanted: async () => [...(await readManifests()).bottles.values()].map(({ backend }) => backend),
  });
  return [
    versionsCheck(version, systemEnvironment['PATH'] ?? ''),
    settings,
    secretFilesCheck(config),
    dataDirectoryCheck(config.dataDirectory),
    diskCheck({ holds: 'the data directory', path: config.dataDirectory }),
    ...storeChecks(config.databaseFile),
    ...ofTemporal(installation, settings),
    config.server === undefined
      ? unset('orchestrator', settings)
      : orchestratorCheck(localUrl(config.server.host, config.server.port), version),
    backends,
    ...manifestChecks({ read: readManifests, findBackends }),
    ...ofModelRoutes(installation, settings),
  ];
}

function ofTemporal({ config, hostId }: Installation, settings: Check): readonly Check[] {
  const { temporal, server } = config;
  if (temporal === undefined) return [unset('Temporal', settings)];
  const url = server && localUrl(server.host, server.port);
  const isRunning = async () =>
    url !== undefined && (await isOrchestratorRunning(url, AbortSignal.timeout(2_000)));
  const { namespace, all } = temporalChecks({ temporal, hostId, isRunning });
  return [...all, clockCheck(temporalClock(temporal, [namespace]), Date.now)];
}

function ofModelRoutes(
  { config: { routes, keys }, readManifests }: Installation,
  settings: Check,
): readonly Check[] {
  return Object.entries(routes).map(([name, route]) =>
    modelRouteCheck(
      {
        name,
        route,
        key: keys[name],
        async wanted() {
          const { agents, bottles } = await readManifests();
          const having = new Set(
            [...bottles].filter(([, { llm }]) => llm.includes(name)).map(([bottle]) => bottle),
          );
          const models = [...agents.values()].flatMap(({ bottle, model, protocols }) =>
            bottle !== undefined &&
            model !== undefined &&
            having.has(bottle) &&
            protocols.includes(route.protocol)
              ? [model]
              : [],
          );
          return { models: [...new Set(models)], used: having.size > 0 };
        },
      },
      settings,
    ),
  );
}
