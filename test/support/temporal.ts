import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, Connection } from '@temporalio/client';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { startTemporalServer, type TemporalServer } from '../../src/demo/temporal-server.ts';
import { createClient } from '../../src/temporal/client.ts';
import { searchAttributes } from '../../src/workflows/search-attributes.ts';
import { bundleWorkflows } from '../../tools/bundle-workflows.ts';
import { ensureTemporal } from '../../tools/temporal.ts';

Runtime.install({ logger: new DefaultLogger('WARN') });

/** A real Temporal server for one test file, in memory unless asked otherwise. */
export interface TestTemporal extends AsyncDisposable {
  readonly server: TemporalServer;
  readonly client: Client;
  readonly connection: Connection;
  readonly nativeConnection: NativeConnection;
  /** Ends it (`kill -9`). */
  kill(): Promise<void>;
  /** Ends it if it runs (`kill -9`), and starts it again on the same ports and database. Only with `persistent`. */
  restart(): Promise<void>;
}

export async function startTestTemporal(
  options: { persistent?: boolean } = {},
): Promise<TestTemporal> {
  const directory = await mkdtemp(join(tmpdir(), 'temporal-'));
  const binary = await ensureTemporal((line) => console.error(line));
  const settings = {
    binary,
    logFile: join(directory, 'temporal.log'),
    searchAttributes: Object.fromEntries(
      Object.values(searchAttributes).map((key) => [key.name, key.type]),
    ),
    ...(options.persistent === true ? { databaseFile: join(directory, 'temporal.db') } : {}),
  };
  let server = await startTemporalServer(settings);
  const connection = await Connection.connect({ address: server.address });
  const nativeConnection = await NativeConnection.connect({ address: server.address });
  let killed: TemporalServer | undefined;
  const kill = async (): Promise<void> => {
    if (killed !== server) {
      killed = server;
      process.kill(server.pid, 'SIGKILL');
    }
    await server.exited;
  };
  return {
    get server() {
      return server;
    },
    client: createClient(connection, 'default'),
    connection,
    nativeConnection,
    kill,
    async restart() {
      const { port, uiPort } = server;
      await kill();
      server = await startTemporalServer({ ...settings, port, uiPort });
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      await nativeConnection.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;

/** The workflows' code as workers take it, bundled once in this process. */
export function workflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  bundle ??= bundleWorkflows();
  return bundle;
}
