import type { LlmRoute, ProviderName } from '../domain/agent.ts';
import type { BackendName } from '../domain/bottle.ts';
import type { Operation } from '../domain/operation.ts';
import type { Done, RunEnd, RunProbe, StopReason } from '../domain/run.ts';
import type { Budget, Usage } from '../domain/usage.ts';
import type { BottleLimits } from './backend.ts';

/**
 * The machine's bottles: what the host activities call. Its state is the disk alone (SPEC §5), so that an
 * orchestrator that starts knows all that the one before it knew.
 *
 * Every method is idempotent and may be called by two orchestrators' lives in turn, never by two at once.
 */
export interface BottleHost {
  /** Stable for this data directory. */
  readonly hostId: string;

  /** Supervisors that live now, read from disk. */
  countLiving(): Promise<number>;

  /**
   * Starts a run, or finds it started. Resolves when the agent's program runs (or ran: then `watch` tells the end).
   * Never starts an agent twice: after `agent-starting` is on disk no further attempt spawns one.
   * @param order what the forge has to be asked for: the sandbox starts meanwhile. A rejection gives the launch up
   * @param signal aborts the waiting, never a started agent
   * @throws BottleDestroyedError when the slug has a tombstone
   * @throws LaunchRefusedError when no retry will mend it
   */
  launch(sandbox: SandboxRequest, order: LaunchOrder, signal: AbortSignal): Promise<Launched>;

  /**
   * Follows a run from `observer.lastSequence` to its sealed journal, giving each entry to `observer` in order and
   * awaiting it. Asks for the credentials and pushes them to the supervisor at each attach; while they cannot be had it
   * follows the journal all the same.
   * Resolves with the end. A supervisor that dies without sealing: resolves never; the probe finds it dead and
   * `stop` seals it, which this call then sees.
   * @param signal detaches; what runs keeps running
   */
  watch(
    run: RunKey,
    credentials: () => Promise<ForgeCredentials>,
    observer: RunObserver,
    signal: AbortSignal,
  ): Promise<RunEnd>;

  /**
   * Ends a run: asks the supervisor (TERM, 10 s, KILL), or, where it is proven dead or was never there, seals the
   * journal itself (`lost`, or `cancelled` for a run that never began). Resolves with the end that the journal has,
   * which is the earlier one if there was one.
   */
  stop(run: RunKey, reason: StopReason): Promise<RunEnd>;

  /** Epoch milliseconds at which the agent of a run was about to be executed; undefined when none ever was. Reads the disk. */
  begunAt(run: RunKey): Promise<number | undefined>;

  /** Reads the disk only: short whatever the machine does. */
  probe(run: RunKey): Promise<RunProbe>;

  /** Stops what is left and keeps the state. Call it only when the run has ended. */
  freeze(slug: string): Promise<void>;

  /**
   * Removes the bottle: processes, state, sockets. Leaves a tombstone that a late launch respects, and moves `runs/`
   * to the archive. Resolves only when `list` no longer has it.
   */
  destroy(slug: string): Promise<void>;

  /** Removes archived runs and tombstones of bottles that were destroyed more than 30 days ago. */
  removeExpired(): Promise<void>;

  /** All bottles with anything left on this host. */
  list(): Promise<readonly BottleListing[]>;

  /**
   * The run's output as bytes from `offset` on: head, a line that counts the gap, tail. Reads archived runs too.
   * With `follow`, goes on until the run has ended or `signal` aborts.
   */
  readOutput(
    run: RunKey,
    options: { follow: boolean; signal: AbortSignal },
  ): AsyncIterable<Uint8Array>;
}

export interface RunKey {
  readonly slug: string;
  /** 1, 2, … */
  readonly run: number;
}

/** What a run's sandbox is made of: known without asking the forge. */
export interface SandboxRequest extends RunKey {
  readonly workflowId: string;
  readonly backend: BackendName;
  readonly repository: {
    /** The forge's numeric one. */
    readonly id: number;
  };
  /** The branch the bottle works on and may push to. Taken from the forge when it is there, else new from the default branch. */
  readonly branch: string;
  readonly limits: BottleLimits;
  /** Image of a container backend; `local` has none. */
  readonly image?: string;
  /** What the backend `bot-bottle` tells its CLI; others have none. */
  readonly cli?: CliRequest;
  /** Files and directories of the host, absolute, to be mounted read-only as `/opt/tools/<last part>`; absent: none. */
  readonly tools?: readonly string[];
}

/** Names are the CLI's own: it has manifests of its own. */
export interface CliRequest {
  readonly agent: string;
  /** In the order in which they are merged; none: the agent's own. */
  readonly bottles: readonly string[];
  /** Absent: the CLI's choice. */
  readonly engine?: CliEngine;
}

export type CliEngine = 'docker' | 'smolmachines' | 'macos-container';

/** Everything a run needs, without a secret in it. Kept in the bottle's directory. */
export interface LaunchRequest extends SandboxRequest {
  readonly repository: {
    readonly id: number;
    readonly forgeHost: string;
    readonly owner: string;
    readonly name: string;
    /** Without credentials. */
    readonly cloneUrl: string;
    readonly defaultBranch: string;
  };
  readonly issueNumber: number;
  /** The PR of this life, once there is one. */
  readonly pullRequestNumber?: number;
  /** Body of the run's prompt, given to the agent as a file. */
  readonly prompt: string;
  /** Argument vector of the agent, executed in the working copy. `argv[0]` is looked up in the bottle's PATH. */
  readonly argv: readonly [string, ...string[]];
  /** Added to the bottle's own small environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Author and committer of the agent's commits. */
  readonly gitIdentity: { readonly name: string; readonly email: string };
  /** Which program the agent is; absent: `script`. Says how its output is read. */
  readonly provider?: ProviderName;
  /** Files that the launcher writes before the agent starts, as the bottle's user: text by path below the home. */
  readonly files?: Readonly<Record<string, string>>;
  /** The models that the agent may reach through `/llm/<route>/…`; absent: none. */
  readonly llm?: LlmAccess;
  /** Hosts that the agent may reach, as `name` or `*.name`, with an optional `:port` (443 without). */
  readonly egress?: readonly string[];
  /** Counted from the agent's start. The supervisor itself ends a run past it when nobody was attached for 10 min. */
  readonly deadlineMs: number;
}

/** The rest of what a launch needs, each part as soon as the forge has told it. */
export interface LaunchOrder {
  /** Where the mirror is brought up to date from. */
  readonly source: Promise<LaunchSource>;
  /** Of the same run as the sandbox. */
  readonly request: Promise<LaunchRequest>;
}

export interface LaunchSource {
  readonly repository: LaunchRequest['repository'];
  readonly credentials: ForgeCredentials;
}

/** What a run may use of models. Holds no secret. */
export interface LlmAccess {
  readonly routes: Readonly<Record<string, LlmRoute>>;
  readonly runBudget?: Budget;
  /** Of all runs of this life together. */
  readonly issueBudget?: Budget;
  /** By the earlier runs of this life. */
  readonly spentBefore: Usage;
}

/** Lives in memory and on the control socket only. */
export interface ForgeCredentials {
  /** Base of the forge's API, e.g. `https://gitea.example/api/v1`. */
  readonly apiUrl: string;
  readonly login: string;
  readonly token: string;
  /** Keys of the model routes that have one, by the route's name. */
  readonly modelKeys?: Readonly<Record<string, string>>;
}

export interface Launched {
  /** Epoch milliseconds at which the agent's program started; undefined when the run ended before it did. */
  readonly startedAt: number | undefined;
}

/** Called in the order of the journal; the next entry waits until the promise is settled. A rejection ends the watch. */
export interface RunObserver {
  /** The sequence number of the last operation recorded; the watch begins after it. */
  readonly lastSequence: number;
  /** All that were read since the call before, at least one, without a gap: record them in one transaction. */
  operations(batch: readonly Operation[]): Promise<void>;
  pullRequest(number: number): Promise<void>;
  /** The agent posted the comment with this id of the forge. May be told again by a later watch. */
  comment(id: number): Promise<void>;
  done(done: Done): Promise<void>;
  /** Names the conversation. May be told again by a later watch. */
  session(id: string): Promise<void>;
  /** What the whole run has used until now; not every step of it. May be told again by a later watch. */
  usage(usage: Usage): Promise<void>;
  /** A check-in was seen; at most once a second. Epoch milliseconds. */
  checkin(at: number): void;
}

export interface BottleListing {
  readonly slug: string;
  /** Undefined when `bottle.json` is missing or unreadable. */
  readonly workflowId: string | undefined;
  /** Run number of a living supervisor, if there is one. */
  readonly livingRun: number | undefined;
}
