import type { BackendName } from '../domain/bottle.ts';
import type { BottleBackend } from './backend.ts';
import { bottlePaths, type BottlePaths, type RunPaths, runPaths } from './directory.ts';
import type { RunKey } from './host.ts';
import { KeyedLock } from './keyed-lock.ts';
import type { SupervisorTiming } from './launch-file.ts';
import type { Mirrors } from './mirror.ts';
import { type SocketPaths, socketPaths } from './sockets.ts';

/** What the parts of a host share. */
export interface HostContext {
  readonly dataDirectory: string;
  readonly socketBase: string;
  readonly runtimeDirectory: string;
  readonly backends: ReadonlyMap<BackendName, BottleBackend>;
  readonly timing: SupervisorTiming;
  readonly mirrors: Mirrors;
}

/** By bottle, for the whole process: there is one orchestrator to a data directory, but it may make two hosts on it. */
const locks = new KeyedLock();

/** Runs a task alone on a bottle: making and removing it, replacing and sealing the journals of its runs. */
export function withBottle<T>(host: HostContext, slug: string, task: () => Promise<T>): Promise<T> {
  return locks.run(pathsOf(host, slug).root, task);
}

export function pathsOf(host: HostContext, slug: string): BottlePaths {
  return bottlePaths(host.dataDirectory, slug);
}

export function runPathsOf(host: HostContext, { slug, run }: RunKey): RunPaths {
  return runPaths(pathsOf(host, slug).runs, run);
}

export function socketsOf(host: HostContext, run: RunKey): SocketPaths {
  return socketPaths(host.socketBase, host.dataDirectory, run);
}
