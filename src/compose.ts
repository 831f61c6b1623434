import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createHostActivities } from './activities/bottle.ts';
import { createForgeActivities } from './activities/forge.ts';
import { createLeftoverActivities } from './activities/leftovers.ts';
import { Places } from './activities/places.ts';
import { createReconcileActivities } from './activities/reconcile.ts';
import { createRecordActivities } from './activities/records.ts';
import { createReportActivities } from './activities/reports.ts';
import { createSendActivities } from './activities/send-notification.ts';
import { createSpaceActivities } from './activities/space.ts';
import { createManifestCatalogue } from './agents/manifest-catalogue.ts';
import { providers } from './agents/providers.ts';
import { ensureApiToken } from './api/api-token.ts';
import { remembered, type HealthCheck } from './api/health-check.ts';
import { webhookRoutes } from './api/routes/webhooks.ts';
import { buildServer } from './api/server.ts';
import { WebhookReceipts } from './api/webhook-receipts.ts';
import { lockDataDirectory } from './bottles/data-lock.ts';
import { inside } from './bottles/directory.ts';
import type { ForgeCredentials } from './bottles/host.ts';
import { readHostId } from './bottles/host-id.ts';
import { defaultBackend, findBackends, usableBackends } from './bottles/registry.ts';
import { installRuntime } from './bottles/runtime.ts';
import { makeSocketBase } from './bottles/sockets.ts';
import { createSupervisedHost } from './bottles/supervised-host.ts';
import { Spares } from './bottles/spares.ts';
import type { Built } from './built.ts';
import type { Config } from './config/load.ts';
import { formatIssue, type IssueRef } from './domain/issue.ts';
import { isLoopback } from './domain/loopback.ts';
import { createForge, webhookParser } from './forges/registry.ts';
import { createInbox } from './inbox/inbox.ts';
import { createNotifications } from './notifications/notifications.ts';
import { createNotifiers } from './notifications/registry.ts';
import { WebhookWatch } from './notifications/webhook-watch.ts';
import { openStore } from './store/open-store.ts';
import { createClient } from './temporal/client.ts';
import {
  createDoneSignal,
  createIssueCommands,
  createWorkflowLookup,
  createWorkflowSignals,
} from './temporal/issue-client.ts';
import { createSendingStarter } from './temporal/notification-client.ts';
import { ensureLeftoversSchedule, ensureReconcileSchedule } from './temporal/schedules.ts';
import { ensureSearchAttributes } from './temporal/search-attributes.ts';
import { createWorkers, type Workers } from './temporal/workers.ts';

export interface Orchestrator {
  /** Where it listens, e.g. `http://127.0.0.1:8477`. */
  readonly url: string;
  /** Bottles keep running: the next orchestrator finds them. */
  stop(): Promise<void>;
}

/**
 * Wires the concrete parts together and starts them. Resolves as soon as deliveries are accepted; Temporal may still
 * be away then, and is waited for.
 * @throws ConfigError, DataDirectoryLockedError and what the operating system says of a port that is taken
 */
export async function startOrchestrator(
  config: Config,
  built: Built,
  logger: Logger,
): Promise<Orchestrator> {
  await using started = new AsyncDisposableStack();
  const { dataDirectory } = config;
  started.use(await lockDataDirectory(dataDirectory));

  const store = await openStore(config.databaseFile, {
    onCopied: (copy) => logger.info({ copy }, 'the store was copied: its schema is changed now'),
  });
  started.defer(() => store.close());
  const token = await ensureApiToken(config.apiTokenFile);

  const forge = createForge('gitea', config.forge);
  const parser = webhookParser('gitea');
  const { apiUrl, token: forgeToken } = config.forge;
  let login: string | undefined;
  const credentials = async (): Promise<ForgeCredentials> => {
    login ??= await forge.whoAmI();
    return { apiUrl, login, token: forgeToken, modelKeys: config.llm.keys };
  };

  const found = await findBackends({
    dockerHost: config.dockerHost,
    botBottleCli: config.botBottleCli,
  });
  const backends = usableBackends(found);
  tellBackends(found, logger);
  const hostId = await readHostId(dataDirectory);
  const runtimeDirectory = await installRuntime(dataDirectory, built.runtimeDirectory);
  const socketBase = makeSocketBase(process.getuid?.() ?? 0, config.runtimeDirectory);
  const spares = new Spares({
    dataDirectory,
    socketBase,
    runtimeDirectory,
    backend: backends.get('local'),
  });
  started.use(spares);
  spares.keep();
  const host = createSupervisedHost({
    dataDirectory,
    hostId,
    socketBase,
    runtimeDirectory,
    spares,
    backends,
  });
  const places = new Places(host, config.maxBottles);
  const catalogue = createManifestCatalogue({
    directory: dataDirectory,
    defaultBackend: defaultBackend(backends),
    providers,
    routes: config.llm.routes,
    repositoryFiles: forge,
    promptFile: inside.prompt,
    doorUrl: inside.doorUrl,
    onProblem: ({ error }) => logger.warn(error.message),
  });

  const { namespace, connectionOptions } = config.temporal;
  const connection = Connection.lazy(connectionOptions);
  started.defer(() => connection.close());
  const client = createClient(connection, namespace);
  const settings = {
    ...config.lifecycle,
    continueAsNewAfter: 2_000,
    shows: { labels: config.stateLabels },
  };

  const inbox = createInbox({
    labels: config.stateLabels,
    store,
    parser,
    forge,
    org: config.forge.org,
    signals: createWorkflowSignals(client, settings),
    lookAt,
    log: logger.child({ part: 'inbox' }),
  });

  const notifiers = createNotifiers(config.notifiers);
  const notifications = createNotifications({
    store: store.notifications,
    notifiers,
    start: createSendingStarter(client),
    log: logger.child({ part: 'notifications' }),
  });

  const webhookWatch = new WebhookWatch({
    deliveries: store.deliveries,
    store: store.notifications,
    notifications,
    everyMs: config.reconcileIntervalMs,
  });
  const notTold = (error: unknown): void => logger.error({ err: error }, 'people are not told');

  installTemporalLogger(logger);
  let workers: Workers | undefined;
  const working = keepWorking(logger, async (signal) => {
    const native = await NativeConnection.connect(connectionOptions);
    try {
      await ensureSearchAttributes(connection, namespace);
      await ensureLeftoversSchedule(client, hostId, leftoversEveryMs);
      await ensureReconcileSchedule(client, forge.host, config.reconcileIntervalMs);
      // Not before: Temporal refuses a workflow with an attribute that it does not know.
      signal.throwIfAborted();
      inbox.start();
      workers = await createWorkers({
        connection: native,
        namespace,
        workflowBundle: { codePath: built.workflowBundle },
        hostId,
        places,
        forge: createForgeActivities({ forge, store, catalogue, hostId, org: config.forge.org }),
        reports: createReportActivities({
          forge,
          store,
          lookAt,
          publicUrl: config.server.publicUrl,
        }),
        records: createRecordActivities(store, notifications),
        hostActivities: createHostActivities({
          host,
          forge,
          store,
          catalogue,
          credentials,
          places,
          signalDone: createDoneSignal(client),
        }),
        leftovers: createLeftoverActivities({ host, store, lookUp: createWorkflowLookup(client) }),
        space: createSpaceActivities({
          dataDirectory,
          hostId,
          least: config.leastFree,
          notifications,
        }),
        sending: createSendActivities(store.notifications, notifiers),
        reconcile: createReconcileActivities({
          forge: createForge('gitea', config.forge),
          store,
          org: config.forge.org,
          onFound(found) {
            inbox.wake();
            webhookWatch.found(found);
          },
          onTurn: () => webhookWatch.review(),
          log: logger.child({ part: 'reconcile' }),
        }),
      });
      const running = workers.run();
      void notifications.handOver();
      signal.addEventListener('abort', () => workers?.shutdown(), { once: true });
      if (signal.aborted) {
        workers.shutdown();
      }
      logger.info({ namespace, address: connectionOptions.address }, 'working for Temporal');
      await running;
    } finally {
      workers = undefined;
      await native.close();
    }
  });
  started.defer(() => inbox.stop());
  started.defer(() => working.stop());

  const receipts = new WebhookReceipts();
  const server = await buildServer({
    store,
    commands: createIssueCommands(client, settings, (issue) => store.issues.read(issue)),
    bottles: host,
    checks: [
      remembered(temporalCheck(connection, namespace), 2_000),
      { name: 'worker', check: async () => (workers?.polling() ? undefined : 'no worker polls') },
      remembered({ name: 'forge', check: async () => void (await forge.whoAmI()) }, 10_000),
      {
        name: 'bottles',
        check: async () => (backends.size > 0 ? undefined : whyNoBackend(found)),
      },
    ],
    receipts,
    token,
    names: config.server,
    version: built.version,
    logger: logger.child({ part: 'api' }),
  });
  await server.register(webhookRoutes, {
    parser,
    secret: config.server.webhookSecret,
    names: config.server,
    deliveries: store.deliveries,
    onSignature: (fits) => void webhookWatch.signature(fits).catch(notTold),
    receipts,
    onAccepted: () => inbox.wake(),
  });
  const url = await server.listen({ host: config.server.host, port: config.server.port });
  started.defer(() => server.close());
  warnOfPlainHttp(config.server, logger);

  const running = started.move();
  return { url, stop: () => running.disposeAsync() };
}

const leftoversEveryMs = 5 * 60_000;
const retryMs = 2_000;

/** Runs the workers, again and again while Temporal is away or a worker fails, until it is stopped. */
function keepWorking(
  logger: Logger,
  work: (signal: AbortSignal) => Promise<void>,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const loop = (async () => {
    while (!signal.aborted) {
      try {
        await work(signal);
      } catch (error) {
        logger.error({ err: error }, `not working for Temporal; next try in ${retryMs / 1000} s`);
        await delay(retryMs, undefined, { signal }).catch(() => undefined);
      }
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

function temporalCheck(connection: Connection, namespace: string): HealthCheck {
  return {
    name: 'temporal',
    async check() {
      await connection.withDeadline(Date.now() + 3_000, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
      return undefined;
    },
  };
}

/** One that works is enough. */
function tellBackends(found: Awaited<ReturnType<typeof findBackends>>, logger: Logger): void {
  const level = found.some(({ check }) => check.usable) ? 'info' : 'error';
  for (const { backend, check } of found) {
    if (check.usable) {
      logger.info({ backend: backend.name, limits: check.limits }, 'bottle backend is usable');
    } else {
      logger[level]({ backend: backend.name, fix: check.fix }, check.reason);
    }
  }
}

function warnOfPlainHttp({ host, publicUrl }: Config['server'], logger: Logger): void {
  if (!isLoopback(host) && publicUrl?.startsWith('https:') !== true) {
    logger.warn(
      { host },
      'others can reach this address, and it speaks plain HTTP: who sees the traffic sees the tokens of the API. Put TLS in front of it, a reverse proxy say, and give its address as ORCHESTRATOR_PUBLIC_URL',
    );
  }
}

function whyNoBackend(found: Awaited<ReturnType<typeof findBackends>>): string {
  const reasons = found.flatMap(({ backend, check }) =>
    check.usable ? [] : [`${backend.name}: ${check.reason}`],
  );
  return `no bottle backend works here (${reasons.join('; ')}). \`orchestrator doctor\` says what helps.`;
}

function lookAt(issue: IssueRef): string {
  const name = formatIssue(issue);
  return `To look: \`orchestrator show ${name}\` and \`orchestrator logs ${name}\`.`;
}

/** Temporal's own lines go to the same log. Once per process: the runtime is the process's. */
function installTemporalLogger(logger: Logger): void {
  const child = logger.child({ part: 'temporal' });
  Runtime.install({
    // Who is told to stop decides the order: the workers drain while HTTP is closed already.
    shutdownSignals: [],
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      if (message.startsWith('No workflows registered')) {
        // Meant so: the host queues have activities only.
        return;
      }
      const method = {
        TRACE: 'trace',
        DEBUG: 'debug',
        INFO: 'debug',
        WARN: 'warn',
        ERROR: 'error',
      } as const;
      child[method[level]](meta ?? {}, message);
    }),
  });
}
