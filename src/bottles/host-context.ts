import type { BackendName, BottleBackend } from './backend.ts';
import { bottlePaths, type BottlePaths, type RunPaths, runPaths } from './directory.ts';
import type { RunKey } from './host.ts';
import type { KeyedLock } from './keyed-lock.ts';
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
  /** By slug: for making and removing a bottle, and for replacing and sealing the journals of its runs. */
  readonly locks: KeyedLock;
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
