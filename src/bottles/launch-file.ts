import { readFileSync } from 'node:fs';
import type { LaunchRequest, SandboxRequest } from './host.ts';
import type { SocketPaths } from './sockets.ts';

/** `runs/<n>/launch.json`: what a supervisor starts the sandbox with, written before it is given the run. */
export interface LaunchFile {
  readonly version: 1;
  readonly dataDirectory: string;
  readonly runtimeDirectory: string;
  readonly sockets: SocketPaths;
  readonly sandbox: SandboxRequest;
  readonly timing: SupervisorTiming;
}

/** Milliseconds. */
export interface SupervisorTiming {
  /** How long a supervisor waits to be told to go while no orchestrator holds a connection to it. */
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

/** `runs/<n>/request.json`: the rest of what a supervisor is told, written before it is told to go. Holds no secret. */
export function readRequestFile(path: string): LaunchRequest {
  return JSON.parse(readFileSync(path, 'utf8')) as LaunchRequest;
}
