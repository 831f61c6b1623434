import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, type ServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { TemporalConfig } from '../config/temporal.ts';
import { hostTaskQueues, orchestratorTaskQueue } from '../domain/ids.ts';
import {
  ensureSearchAttributes,
  missingSearchAttributes,
  registerCommands,
} from '../temporal/search-attributes.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import { reasonOfNoConnection } from './reachable.ts';
import { withTemporal } from './temporal-connection.ts';
import { isOlder } from './version.ts';

const { TaskQueueType } = proto.temporal.api.enums.v1;

const oldestServer = '1.28';
/** One that polls asks again every minute; Temporal remembers it for five. */
const livesMs = 75_000;
const retentionDays = 3;

export interface TemporalParts {
  readonly temporal: TemporalConfig;
  /** Undefined: no orchestrator has worked in this data directory yet. */
  readonly hostId: string | undefined;
  /** Whether an orchestrator answers where this one would. */
  readonly isRunning: () => Promise<boolean>;
}

export function temporalChecks({ temporal, hostId, isRunning }: TemporalParts): {
  readonly namespace: Check;
  readonly all: readonly Check[];
} {
  const server: Check = { name: 'Temporal', run: (signal) => examineServer(temporal, signal) };
  const namespace: Check = {
    name: 'namespace',
    needs: [server],
    run: (signal) => examineNamespace(temporal, signal),
  };
  const searchAttributes: Check = {
    name: 'search attributes',
    needs: [namespace],
    run: (signal) => examineSearchAttributes(temporal, signal),
  };
  const pollers: Check = {
    name: 'workers',
    needs: [namespace],
    run: async (signal) => examinePollers(temporal, hostId, await isRunning(), signal),
  };
  return { namespace, all: [server, namespace, searchAttributes, pollers] };
}

async function examineServer(temporal: TemporalConfig, signal: AbortSignal): Promise<Finding[]> {
  const { address, tls } = temporal.connectionOptions;
  // gRPC would wait for a connection, and not say why there is none.
  const reason = await reasonOfNoConnection(address);
  if (reason !== undefined) {
    return [
      fail(
        `no Temporal answers at ${address} (${reason})`,
        'Start it (`./temporal-dev.sh` brings one along), or say where it is with TEMPORAL_ADDRESS.',
      ),
    ];
  }
  try {
    return await withTemporal(temporal, signal, async ({ workflowService }) => {
      const { serverVersion } = await workflowService.getSystemInfo({});
      const seen = `Temporal ${serverVersion ?? 'of an unknown version'} at ${address}`;
      return [
        isOlder(serverVersion ?? '', oldestServer)
          ? fail(seen, `Use Temporal server ${oldestServer} or newer.`)
          : pass(seen),
      ];
    });
  } catch (error) {
    if (isDenied(error)) {
      return [
        fail(
          `Temporal at ${address} refuses us: ${error.message}`,
          'Check TEMPORAL_API_KEY, the TLS certificate and the namespace that they are for.',
        ),
      ];
    }
    return [
      fail(
        `something listens at ${address} and does not answer as Temporal (asked ${tls ? 'with' : 'without'} TLS)`,
        'Give TEMPORAL_ADDRESS the gRPC address of the frontend (7233, not that of its web pages), and TEMPORAL_TLS=true where it wants TLS.',
      ),
    ];
  }
}

async function examineNamespace(temporal: TemporalConfig, signal: AbortSignal): Promise<Finding[]> {
  const { namespace } = temporal;
  try {
    await withTemporal(temporal, signal, ({ workflowService }) =>
      workflowService.describeNamespace({ namespace }),
    );
    return [pass(`${namespace} is there`)];
  } catch (error) {
    if (isDenied(error)) {
      return [
        fail(
          `${namespace} may not be used with these credentials: ${error.message}`,
          'Give TEMPORAL_API_KEY or the TLS certificate of an account that may write to it, or another TEMPORAL_NAMESPACE.',
        ),
      ];
    }
    if (codeOf(error) !== grpc.notFound) throw error;
    return [
      fail(
        `there is no namespace ${namespace}`,
        `Make it: \`temporal operator namespace create --namespace ${namespace} --retention ${retentionDays}d\`; or name another with TEMPORAL_NAMESPACE.`,
        (limit) => registerNamespace(temporal, limit),
      ),
    ];
  }
}

/** Resolves when it can be used: the server's caches learn of it a second or more later. */
async function registerNamespace(temporal: TemporalConfig, signal: AbortSignal): Promise<void> {
  const { namespace } = temporal;
  await withTemporal(temporal, signal, async ({ workflowService }) => {
    const seconds = retentionDays * 86_400;
    await workflowService
      .registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: proto.google.protobuf.Duration.fromObject({ seconds }),
      })
      .catch((error) => {
        if (codeOf(error) !== grpc.alreadyExists) throw error;
      });
    for (;;) {
      try {
        await workflowService.countWorkflowExecutions({ namespace });
        return;
      } catch {
        await delay(200, undefined, { signal });
      }
    }
  });
}

async function examineSearchAttributes(
  temporal: TemporalConfig,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { namespace } = temporal;
  const missing = await withTemporal(temporal, signal, (connection) =>
    missingSearchAttributes(connection, namespace),
  );
  if (missing.length === 0) return [pass('all of them are there')];
  return [
    // The orchestrator registers them when it starts, if it may.
    warn(
      `${namespace} lacks ${missing.join(', ')}`,
      `The orchestrator makes them at its start, where its account may. Else:\n${registerCommands(namespace, missing).join('\n')}`,
      (limit) =>
        withTemporal(temporal, limit, (connection) =>
          ensureSearchAttributes(connection, namespace),
        ),
    ),
  ];
}

async function examinePollers(
  temporal: TemporalConfig,
  hostId: string | undefined,
  isRunning: boolean,
  signal: AbortSignal,
): Promise<Finding[]> {
  const start = 'Start it: `orchestrator run`.';
  if (hostId === undefined) {
    return [warn('no orchestrator has ever worked in this data directory', start)];
  }
  const { WORKFLOW, ACTIVITY } = {
    WORKFLOW: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    ACTIVITY: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
  };
  const queues = [
    { name: orchestratorTaskQueue, type: WORKFLOW },
    { name: orchestratorTaskQueue, type: ACTIVITY },
    ...Object.entries(hostTaskQueues(hostId))
      // While all places are taken nobody asks for a launch: that is how Temporal is the queue.
      .filter(([queue]) => queue !== 'launch')
      .map(([, name]) => ({ name, type: ACTIVITY })),
  ];
  const idle = await withTemporal(temporal, signal, async ({ workflowService }) => {
    const { namespace } = temporal;
    const polled = await Promise.all(
      queues.map(async ({ name, type }) => {
        const described = await workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name },
          taskQueueType: type,
        });
        return (described.pollers ?? []).some(
          ({ lastAccessTime }) => Number(lastAccessTime?.seconds) * 1000 > Date.now() - livesMs,
        );
      }),
    );
    return [...new Set(queues.filter((_, index) => !polled[index]).map(({ name }) => name))];
  });
  if (idle.length === 0) return [pass('all task queues are polled')];
  const seen = `nobody polls ${idle.join(', ')}`;
  return [
    isRunning
      ? fail(
          `${seen}, although an orchestrator runs`,
          'Its log says why it does not work for Temporal. Restart it if nothing is wrong there.',
        )
      : warn(`${seen}: no orchestrator runs`, start),
  ];
}

/** Codes of gRPC. */
const grpc = { notFound: 5, alreadyExists: 6, permissionDenied: 7, unauthenticated: 16 } as const;

function isDenied(error: unknown): error is ServiceError {
  const code = codeOf(error);
  return code === grpc.permissionDenied || code === grpc.unauthenticated;
}

function codeOf(error: unknown): number | undefined {
  return isGrpcServiceError(error) ? error.code : undefined;
}
