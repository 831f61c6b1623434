import type { ChildProcess } from 'node:child_process';
import type { BottlePaths } from './directory.ts';

/**
 * How a bottle is realised on a host. `spawn` is called by the supervisor, everything else by the orchestrator.
 *
 * Every method but `spawn` is idempotent. `destroy` of what is not there succeeds.
 */
export interface BottleBackend {
  readonly name: BackendName;
  /** Whether it works on this machine; when not, the reason and what to do about it, for people. */
  check(): Promise<BackendCheck>;
  /**
   * Starts the sandbox with the launcher as its first program. The child is the supervisor's own: it dies with it.
   * stdio: stdin empty, stdout and stderr are pipes, descriptor 3 is the IPC channel to the launcher.
   */
  spawn(sandbox: Sandbox): ChildProcess;
  /** Nothing of the bottle runs afterwards and its whole state is kept. */
  freeze(paths: BottlePaths): Promise<FrozenBottle>;
  /** Removes everything this backend made outside the bottle's directory, and ends what still runs. */
  destroy(paths: BottlePaths): Promise<void>;
}

export type BackendName = 'local' | 'docker' | 'bot-bottle';

export type BackendCheck =
  | { readonly usable: true; readonly limits: readonly string[] }
  | { readonly usable: false; readonly reason: string; readonly fix: string };

/** What a sandbox is made of. Paths are on the host; the left column of SPEC §5 "Inside" says where they appear. */
export interface Sandbox {
  readonly paths: BottlePaths;
  /** Directory with the sidecar's socket, mounted at `/run/bottle`. */
  readonly socketDirectory: string;
  /** The runtime's version directory, mounted read-only at `/opt/bottle`. */
  readonly runtimeDirectory: string;
  /** The run's prompt, mounted read-only at `/opt/bottle-run/prompt.md`… see `directory.ts`. */
  readonly runDirectory: string;
  /** Complete: nothing of the host's environment is added. */
  readonly environment: Readonly<Record<string, string>>;
  readonly limits: BottleLimits;
}

/** Undefined means: no limit. */
export interface BottleLimits {
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly pids?: number;
}

export interface FrozenBottle {
  /** Bytes of state kept, as far as it is cheap to know. */
  readonly bytes?: number;
}
