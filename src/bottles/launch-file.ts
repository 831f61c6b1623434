import { readFileSync } from 'node:fs';
import type { LaunchRequest } from './host.ts';
import type { SocketPaths } from './sockets.ts';

/** `runs/<n>/launch.json`: all that a supervisor is told, written before it starts. Holds no secret. */
export interface LaunchFile {
  readonly version: 1;
  readonly dataDirectory: string;
  readonly runtimeDirectory: string;
  readonly sockets: SocketPaths;
  readonly request: LaunchRequest;
  readonly timing: SupervisorTiming;
}

/** Milliseconds. */
export interface SupervisorTiming {
  /** How long a supervisor waits for credentials while nobody is attached. */
  readonly awaitGo: number;
  /** From `signal_done` until the agent is asked to end. */
  readonly afterDone: number;
  /** From the first refusal for a spent budget until an agent that goes on is ended: to commit, and to say so. */
  readonly afterBudget: number;
  /** From TERM to KILL. */
  readonly afterTerm: number;
  /** How long a supervisor past its deadline lives on while nobody is attached. */
  readonly afterDeadline: number;
}

export const supervisorTiming: SupervisorTiming = {
  awaitGo: 60_000,
  afterDone: 30_000,
  afterBudget: 60_000,
  afterTerm: 10_000,
  afterDeadline: 10 * 60_000,
};

export function readLaunchFile(path: string): LaunchFile {
  return JSON.parse(readFileSync(path, 'utf8')) as LaunchFile;
}
