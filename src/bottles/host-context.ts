import type { BackendName } from '../domain/bottle.ts';
import type { BottleBackend } from './backend.ts';
import { bottlePaths, type BottlePaths, type RunPaths, runPaths } from './directory.ts';
import type { RunKey } from './host.ts';
import { KeyedLock } from './keyed-lock.ts';
import { readLaunchFile, type SupervisorTiming } from './launch-file.ts';
import type { Mirrors } from './mirror.ts';
import { type SocketPaths, socketPaths } from './sockets.ts';
import type { Spares } from './spares.ts';

/** Where a host keeps things. */
export interface HostPlaces {
  readonly dataDirectory: string;
  /** Of runs that are launched now. */
  readonly socketBase: string;
}

/** What the parts of a host share. */
export interface HostContext extends HostPlaces {
  readonly runtimeDirectory: string;
  readonly backends: ReadonlyMap<BackendName, BottleBackend>;
  readonly timing: SupervisorTiming;
  readonly mirrors: Mirrors;
  /** Undefined: each launch starts its own supervisor. */
  readonly spares: Spares | undefined;
}

/** By bottle, for the whole process: there is one orchestrator to a data directory, but it may make two hosts on it. */
const locks = new KeyedLock();

/** Runs a task alone on a bottle: making and removing it, replacing and sealing the journals of its runs. */
export function withBottle<T>(host: HostContext, slug: string, task: () => Promise<T>): Promise<T> {
  return locks.run(pathsOf(host, slug).root, task);
}

export function pathsOf(host: HostPlaces, slug: string): BottlePaths {
  return bottlePaths(host.dataDirectory, slug);
}

export function runPathsOf(host: HostPlaces, { slug, run }: RunKey): RunPaths {
  return runPaths(pathsOf(host, slug).runs, run);
}

/**
 * Where the supervisor of a run listens: where its launch said. A later orchestrator may have another place for new
 * ones, since what it is started from decides whether there is an `XDG_RUNTIME_DIR`.
 */
export function socketsOf(host: HostPlaces, run: RunKey): SocketPaths {
  try {
    return readLaunchFile(runPathsOf(host, run).launch).sockets;
  } catch {
    return newSocketsOf(host, run);
  }
}

/** Where a supervisor that is started now is to listen. */
export function newSocketsOf(host: HostPlaces, run: RunKey): SocketPaths {
  return socketPaths(host.socketBase, host.dataDirectory, run);
}
