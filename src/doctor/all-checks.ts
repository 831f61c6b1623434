import { systemEnvironment } from '../bottles/system.ts';
import { localUrl } from '../config/load.ts';
import { createForgeSetup } from '../forges/setup-registry.ts';
import { webhookUrl } from '../setup/webhook-url.ts';
import { backendsCheck } from './backends.ts';
import { unset, type Check } from './check.ts';
import { clockCheck, temporalClock } from './clock.ts';
import { dataDirectoryCheck } from './data-directory.ts';
import { diskCheck } from './disk.ts';
import { dockerDiskCheck } from './docker-disk.ts';
import { forgeChecks, type ForgeAccess } from './forge.ts';
import { knownRepositories, type Installation } from './installation.ts';
import { manifestChecks } from './manifests.ts';
import { modelRouteCheck, modelsWanted } from './model-routes.ts';
import { isOrchestratorRunning, orchestratorCheck } from './orchestrator.ts';
import { versionsCheck } from './programs.ts';
import { repositoryChecks } from './repositories.ts';
import { secretFilesCheck, settingsCheck } from './settings.ts';
import { storeChecks } from './store.ts';
import { temporalChecks } from './temporal.ts';
import { webhookChecks } from './webhooks.ts';

/** Less than a check has, so that it can still say why. */
const forgeAnswerMs = 8_000;

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
    dockerDiskCheck({ dockerHost: config.dockerHost, findBackends, readManifests }),
    ...storeChecks(config.databaseFile),
    ...ofForge(installation, settings),
    ...ofTemporal(installation, settings),
    config.server === undefined
      ? unset('orchestrator', settings)
      : orchestratorCheck(localUrl(config.server.host, config.server.port), version),
    backends,
    ...manifestChecks({ read: readManifests, findBackends }),
    ...ofModelRoutes(installation, settings),
  ];
}

function ofForge(installation: Installation, settings: Check): readonly Check[] {
  const { config, places, readManifests, openWatch } = installation;
  const { forge: settled, setupToken, server } = config;
  if (settled === undefined) return [unset('forge', settings)];
  const { apiUrl, org, token } = settled;
  const connect = (token: string) =>
    createForgeSetup('gitea', { apiUrl, token, timeoutMs: forgeAnswerMs });
  const own = connect(token);
  const access: ForgeAccess = {
    apiUrl,
    org,
    own,
    person: setupToken === undefined ? undefined : connect(setupToken),
  };
  const checks = forgeChecks(access);
  const known = () => knownRepositories(installation);
  const named = places.filter((place) => place.kind === 'repository');
  const repositories = async () => {
    const all = [...named, ...(await known())].map(({ owner, name }) => ({ owner, name }));
    return [...new Map(all.map((one) => [`${one.owner}/${one.name}`.toLowerCase(), one])).values()];
  };
  const ofRepositories = repositoryChecks(
    { access, repositories, agents: async () => [...(await readManifests()).agents.keys()] },
    checks,
  );
  const clock = clockCheck(
    { owner: 'the forge', needs: [checks.scopes], read: async () => (await own.readSite()).clock },
    Date.now,
  );
  return [
    ...checks.all,
    clock,
    ...ofRepositories,
    ...(server === undefined
      ? [unset('webhooks', settings)]
      : webhookChecks(
          {
            access,
            repositories,
            orgs: places.flatMap((place) => (place.kind === 'org' ? [place.org] : [])),
            localUrl: webhookUrl(localUrl(server.host, server.port)),
            publicUrl: server.publicUrl && webhookUrl(server.publicUrl),
            secret: server.webhookSecret,
            lastDelivery: async ({ owner, name }) =>
              (await known()).find((one) => one.owner === owner && one.name === name)
                ?.lastDelivery ?? undefined,
            openWatch: (secret) => openWatch(server.port, secret),
          },
          checks.tokens,
        )),
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
        wanted: async () => modelsWanted(await readManifests(), name, route),
      },
      settings,
    ),
  );
}
