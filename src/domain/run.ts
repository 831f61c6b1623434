/** A run: one agent execution in a bottle, started or resumed with a prompt. */

import type { EgressSummary } from './egress.ts';
import type { Usage } from './usage.ts';

/** Where an issue is. */
export const phases = [
  'queued',
  'running',
  'freezing',
  'frozen',
  'resuming',
  'parked',
  'failed',
  'destroying',
  'destroyed',
] as const;

export type Phase = (typeof phases)[number];

/** The founding documents' stored `status`, derived from the phase; `queued` has none. */
export type Status = 'running' | 'frozen' | 'destroyed';

export function statusOfPhase(phase: Phase): Status | undefined {
  switch (phase) {
    case 'queued':
      return undefined;
    case 'running':
    case 'resuming':
    case 'freezing':
      return 'running';
    case 'frozen':
    case 'parked':
    case 'failed':
    case 'destroying':
      return 'frozen';
    case 'destroyed':
      return 'destroyed';
  }
}

/** How a run ended. */
export type Outcome =
  | 'done'
  | 'exited'
  | 'watchdog'
  | 'deadline'
  | 'budget'
  | 'parked'
  | 'lost'
  | 'cancelled';

/** Why somebody outside the bottle stops a run; it becomes the outcome unless the agent was done before. */
export type StopReason = 'watchdog' | 'deadline' | 'cancelled';

/** What the agent says of its own work in `signal_done`. */
export type DoneStatus = 'success' | 'partial' | 'failed' | 'blocked';

export const doneStatuses: readonly DoneStatus[] = ['success', 'partial', 'failed', 'blocked'];

/** The agent's own report. */
export interface Done {
  readonly status: DoneStatus;
  readonly summary: string;
}

/** The end of a run, as the journal's first `ended` entry tells it. */
export interface RunEnd {
  readonly outcome: Outcome;
  /** Exit code of the agent; undefined when it was killed or never seen to exit. */
  readonly exitCode?: number;
  /** What `signal_done` said, if it was called. */
  readonly done?: Done;
  /** One sentence for people, e.g. why the run is lost. */
  readonly reason?: string;
  /** Epoch milliseconds at which the agent was about to be executed; absent when it never was. */
  readonly startedAt?: number;
  /** Epoch milliseconds. */
  readonly endedAt: number;
  /** The agent's own program reported that it failed, whatever its exit code was. `reason` says how. */
  readonly failed?: true;
  /** What the gateway metered; absent when the run has no model. */
  readonly usage?: Usage;
  /** Where it went, through the proxy; absent when it asked for no other host. */
  readonly egress?: EgressSummary;
  /** Turns of the conversation, where the agent's program counts them. */
  readonly turns?: number;
  /** The last thing that the agent said, cut to 4 KiB. */
  readonly message?: string;
  /** Outcome `parked`: epoch milliseconds at which the model's provider takes requests again. */
  readonly parkedUntil?: number;
}

/** No provider's limit lasts longer than a month. */
const longestParkMs = 31 * 86_400_000;

/**
 * Whether an issue is parked until then: what is over needs no wait, and what claims to last longer than any limit does is
 * a mistake.
 * @param resetsAt epoch milliseconds, as a provider or an agent's program tells it
 */
export function isWaitedFor(resetsAt: number, now: number): boolean {
  return resetsAt > now && resetsAt <= now + longestParkMs;
}

/** What a probe of a run finds on the host's disk. */
export type RunProbe =
  | { readonly state: 'absent' }
  | { readonly state: 'alive'; readonly lastCheckinAt: number }
  | { readonly state: 'ended'; readonly end: RunEnd }
  /** The supervisor is proven dead and the journal is not sealed. */
  | { readonly state: 'dead' };
