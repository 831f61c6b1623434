import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDebianPackages } from '../../tools/debian-packages.ts';
import { readToolEnvironment } from '../../tools/environment.ts';
import { ensureTemporal } from '../../tools/temporal.ts';
import { exitCodeOfSignal, Interruption } from './interruption.ts';
import { answersAsTemporal, startTemporalServer, type TemporalServer } from './temporal-server.ts';
import { orAborted } from './wait-until.ts';

/** As Temporal's own command line has them: 7233 and 8233. */
const UI_PORT_DISTANCE = 1000;
const LOCAL_HOSTS = ['localhost', '127.0.0.1'];

export interface DevelopmentOptions {
  readonly dataDirectory: string;
  readonly apiTokenFile: string;
  /** `host:port` */
  readonly temporalAddress: string;
  readonly temporalNamespace: string;
  readonly forgeApi: string;
  /** Where the orchestrator will listen, without a slash at the end. */
  readonly url: string;
  /** Where the forge reaches it, if that is known to be another address. */
  readonly publicUrl: string | undefined;
  /** What this Node runs as the orchestrator: program and arguments. */
  readonly command: readonly string[];
  readonly print: (line: string) => void;
}

/**
 * `orchestrator dev`: a Temporal that keeps its data, unless one is there, and the orchestrator, whose output is ours.
 * Resolves with the orchestrator's exit code, when both have ended. Rejects when Temporal cannot be started.
 */
export async function runDevelopment(options: DevelopmentOptions): Promise<number> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) {
        // The children end with this process.
        process.exit(new Interruption(name).exitCode);
      }
      options.print('Stopping; bottles keep running (Ctrl-C again: at once)');
      stopping.abort(new Interruption(name));
    });
  }
  let temporal: TemporalServer | undefined;
  try {
    await orAborted(ensureDebianPackages(options.print), stopping.signal);
    temporal = await ensureTemporalServer(options, stopping.signal);
    stopping.signal.throwIfAborted();
    announce(options, temporal);
    return await runOrchestrator(options, temporal, stopping.signal);
  } catch (error) {
    if (error instanceof Interruption) {
      return error.exitCode;
    }
    throw error;
  } finally {
    await temporal?.stop();
  }
}

/** Undefined: one answers already, or lives on another machine. */
async function ensureTemporalServer(
  { dataDirectory, temporalAddress, temporalNamespace, print }: DevelopmentOptions,
  signal: AbortSignal,
): Promise<TemporalServer | undefined> {
  const { hostname, port } = new URL(`tcp://${temporalAddress}`);
  if ((await answersAsTemporal(temporalAddress)) || !LOCAL_HOSTS.includes(hostname)) {
    return undefined;
  }
  const directory = join(dataDirectory, 'dev');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return await startTemporalServer({
    binary: await orAborted(ensureTemporal(print), signal),
    port: Number(port),
    uiPort: Number(port) + UI_PORT_DISTANCE,
    namespace: temporalNamespace,
    databaseFile: join(directory, 'temporal.db'),
    logFile: join(directory, 'temporal.log'),
    signal,
  });
}

function announce(options: DevelopmentOptions, temporal: TemporalServer | undefined): void {
  const { print, url, publicUrl, dataDirectory } = options;
  print(
    temporal === undefined
      ? `Temporal      ${options.temporalAddress}, which is not ours to start or stop`
      : `Temporal      ${temporal.address}, its data in ${join(dataDirectory, 'dev')}`,
  );
  if (temporal !== undefined) {
    print(`Temporal UI   ${temporal.uiUrl}`);
  }
  print(`Forge         ${options.forgeApi}`);
  print(`API           ${url}/api/v1, its token in ${options.apiTokenFile}`);
  print(`Webhook       ${publicUrl ?? url}/webhooks/gitea`);
  print('              Enter it in the forge, with the secret of FORGE_WEBHOOK_SECRET.');
}

async function runOrchestrator(
  { command, print }: DevelopmentOptions,
  temporal: TemporalServer | undefined,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(process.execPath, command, {
    env: readToolEnvironment().variables,
    // Ctrl-C is for us: it drains its work before Temporal goes.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  let isTemporalLost = false;
  void temporal?.exited.then(() => {
    if (child.exitCode === null && child.signalCode === null) {
      isTemporalLost = true;
      print('Temporal has ended unexpectedly; its log is beside its data');
      stop();
    }
  });
  const code = await exitCodeOf(child);
  return isTemporalLost && code === 0 ? 1 : code;
}

async function exitCodeOf(child: ChildProcess): Promise<number> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? (signal === null ? 1 : exitCodeOfSignal(signal));
}
