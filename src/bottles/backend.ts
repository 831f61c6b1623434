import type { Readable } from 'node:stream';
import type { BackendName } from '../domain/bottle.ts';
import type { Operation } from '../domain/operation.ts';
import type { Done } from '../domain/run.ts';
import type { BottlePaths } from './directory.ts';
import type { ForgeCredentials, LaunchRequest, SandboxRequest } from './host.ts';
import type { LauncherChannel } from './launch-protocol.ts';

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
   * Looks whether new bottles can start from an image. Backends without images have none to look for.
   * @param image undefined: the backend's default
   * @throws LaunchRefusedError when there is no such image; says how to get it
   */
  checkImage(image: string | undefined): Promise<void>;
  /**
   * Makes the bottle's state, its `work/` and `home/`, ready for the next run. It may begin to start the sandbox, whose
   * launcher then waits for the supervisor, and ends when none comes.
   * @throws LaunchRefusedError when there is no such image
   */
  prepare(run: PrepareRequest): Promise<void>;
  /** Starts the sandbox with the launcher as its first program. What runs in it dies with the supervisor. */
  spawn(sandbox: Sandbox): RunningSandbox;
  /**
   * Starts a sandbox ahead of its bottle, with what all first runs without tools have in common. Absent where that cannot be
   * done.
   * @param sandbox its paths are those that `prepare` has made ready, under a slug of its own
   */
  spawnSpare?(sandbox: SpareRequest): SpareSandbox;
  /** Nothing of the bottle runs afterwards and its whole state is kept. */
  freeze(paths: BottlePaths): Promise<void>;
  /** Removes everything this backend made outside the bottle's directory, and ends what still runs. */
  destroy(paths: BottlePaths): Promise<void>;
}

/** A sandbox as its supervisor holds it. The agent's stdin is empty. */
export interface RunningSandbox {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly launcher: LauncherChannel;
  /** Resolves when the sandbox has ended, by itself or not. Never rejects. */
  readonly exited: Promise<SandboxExit>;
  /** Asks everything inside to end (TERM). */
  terminate(): void;
  /** Ends everything inside. Resolves when nothing of it is left. */
  kill(): Promise<void>;
}

export type SpareRequest = Pick<
  Sandbox,
  'paths' | 'socketDirectory' | 'runtimeDirectory' | 'promptFile'
>;

/** A sandbox that waits for its bottle. It has nothing of anybody's in it. */
export interface SpareSandbox {
  /** Resolves when its launcher waits. Until then its directory stays where it is. */
  readonly ready: Promise<void>;
  /**
   * It is that bottle's from now on, and comes under its limits before its launcher hears of anything.
   * @param paths where the directory with the sandbox's state is now
   */
  adopt(paths: BottlePaths, limits: BottleLimits): RunningSandbox;
  /** Ends it. Whoever has its directory makes sure that nothing is left, with `destroy`. */
  end(): void;
}

export interface SandboxExit {
  /** The agent's exit code; undefined when the sandbox was ended from outside, or never started. */
  readonly code: number | undefined;
  /** One sentence for people when there is no exit code. */
  readonly reason: string | undefined;
  /** False when the sandbox would end so at each start. */
  readonly retryable?: boolean;
  /** Resolves when all output has been read. */
  readonly drained: Promise<void>;
}

export type BackendCheck =
  /** `limits`: those of `BottleLimits` that are enforced here. */
  | { readonly usable: true; readonly limits: readonly (keyof BottleLimits)[] }
  | { readonly usable: false; readonly reason: string; readonly fix: string };

/** What a sandbox is made of. Paths are on the host; `inside` of `directory.ts` says where they appear. */
export interface Sandbox {
  readonly paths: BottlePaths;
  /** Directory with the sidecar's socket, mounted at `/run/bottle`. */
  readonly socketDirectory: string;
  /** The runtime's version directory, mounted read-only at `/opt/bottle`. */
  readonly runtimeDirectory: string;
  /** The run's prompt, mounted read-only at `/run/prompt.md`. */
  readonly promptFile: string;
  /** Files and directories, mounted read-only as `/opt/tools/<last part>`. */
  readonly tools: readonly string[];
  readonly limits: BottleLimits;
  /** As the launch asked for it. */
  readonly request: SandboxRequest;
  readonly relay: SidecarRelay;
}

export interface PrepareRequest extends Omit<Sandbox, 'request' | 'relay'> {
  readonly run: number;
  /** Of a container backend, for the bottle's first run; undefined: the backend's default. */
  readonly image: string | undefined;
}

/** For a backend whose bottles have a forge sidecar of their own, in place of the door. */
export interface SidecarRelay {
  /** What that sidecar works with. Ask when the agent is executed, and keep it in memory only. */
  context(): RelayContext;
  /** Tells of one call of that sidecar: a check-in. Resolves when it is in the journal. Call it one at a time. */
  record(call: SidecarCall): Promise<void>;
}

export interface RelayContext {
  readonly request: LaunchRequest;
  readonly credentials: ForgeCredentials;
}

/** A call that the agent made, and how it ended. */
export interface SidecarCall extends Pick<
  Operation,
  'operation' | 'target' | 'outcome' | 'reason'
> {
  readonly arguments: object;
  /** The agent is done with its work. */
  readonly done?: Done;
  /** The PR of this life was opened or found. */
  readonly pullRequest?: number;
  /** Id on the forge of a comment that was posted. */
  readonly comment?: number;
}

/** Undefined means: no limit. */
export interface BottleLimits {
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly pids?: number;
  readonly diskBytes?: number;
}
