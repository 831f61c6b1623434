import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import type { SearchAttributeType } from '@temporalio/common';
import proto from '@temporalio/proto';
import { freePort, requireFreePort } from './free-port.ts';
import { startServerProcess } from './server-process.ts';

const DEFAULT_NAMESPACE = 'default';

const indexedValueTypes = proto.temporal.api.enums.v1.IndexedValueType;

/** First in, first out holds within one partition only. */
const DYNAMIC_CONFIG = [
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
];

export interface TemporalServerOptions {
  /** From `ensureTemporal`. */
  readonly binary: string;
  /** Of the gRPC frontend; a free one unless given. */
  readonly port?: number;
  /** Of the web UI; a free one unless given. */
  readonly uiPort?: number;
  /** Made when absent; `default` is there in any case. */
  readonly namespace?: string;
  /** Keeps workflows across restarts; in memory unless given. */
  readonly databaseFile?: string;
  readonly searchAttributes?: Readonly<Record<string, SearchAttributeType>>;
  /** Appended to; its folder must exist and be writable. */
  readonly logFile: string;
  /** Gives the start up. */
  readonly signal?: AbortSignal;
}

export interface TemporalServer {
  /** `127.0.0.1:7233`: what a client connects to. */
  readonly address: string;
  readonly port: number;
  /** Without a slash at the end. */
  readonly uiUrl: string;
  readonly uiPort: number;
  readonly pid: number;
  /** Resolves when the process has ended, however. */
  readonly exited: Promise<void>;
  /** Ends it and resolves when it has ended; also after a `kill -9` of `pid`, and more than once. */
  stop(): Promise<void>;
}

/**
 * Starts a Temporal development server on 127.0.0.1 and waits until its namespace answers and has the search
 * attributes. To restart one, call again with the same ports and database file. Rejects when a given port is taken or it
 * does not start; no process is left then.
 */
export async function startTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const namespace = options.namespace ?? DEFAULT_NAMESPACE;
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort ?? (await freePort());
  await requireFreePort(port, 'Temporal');
  await requireFreePort(uiPort, "Temporal's UI");
  const address = `127.0.0.1:${String(port)}`;
  const workFolder = dirname(options.logFile);
  const server = await startServerProcess(
    {
      title: 'Temporal',
      binary: options.binary,
      args: [
        'server',
        'start-dev',
        '--ip=127.0.0.1',
        `--port=${String(port)}`,
        `--ui-port=${String(uiPort)}`,
        `--namespace=${namespace}`,
        ...DYNAMIC_CONFIG.flatMap((value) => ['--dynamic-config-value', value]),
        ...(options.databaseFile === undefined ? [] : ['--db-filename', options.databaseFile]),
      ],
      cwd: workFolder,
      env: { HOME: workFolder },
      logFile: options.logFile,
      signal: options.signal,
    },
    () => hasNamespace(address, namespace),
  );
  try {
    await addSearchAttributes(address, namespace, options.searchAttributes ?? {});
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { address, port, uiUrl: `http://127.0.0.1:${String(uiPort)}`, uiPort, ...server };
}

/** Whether a Temporal listens at `host:port`. */
export async function answersAsTemporal(address: string): Promise<boolean> {
  try {
    await (await connect(address)).close();
    return true;
  } catch {
    return false;
  }
}

async function hasNamespace(address: string, namespace: string): Promise<boolean> {
  const connection = await connect(address);
  try {
    await connection.workflowService.describeNamespace({ namespace });
    return true;
  } finally {
    await connection.close();
  }
}

/** Rejects soon when nothing answers, or something that is not Temporal. */
function connect(address: string): Promise<Connection> {
  return Connection.connect({
    address,
    connectTimeout: '2s',
    // The first attempt comes too early; gRPC would wait a second before its next.
    channelArgs: { 'grpc.initial_reconnect_backoff_ms': 50 },
  });
}

/** Over the API, because the flag of `start-dev` adds none to a database file that exists already. */
async function addSearchAttributes(
  address: string,
  namespace: string,
  wanted: Readonly<Record<string, SearchAttributeType>>,
): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace,
    });
    const missing = Object.entries(wanted).filter(([name]) => !(name in customAttributes));
    if (missing.length > 0) {
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(
          missing.map(([name, type]) => [name, indexedValueTypes[`INDEXED_VALUE_TYPE_${type}`]]),
        ),
      });
    }
  } finally {
    await connection.close();
  }
}
