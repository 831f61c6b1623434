import type { Operation } from '../domain/operation.ts';
import type { Done, RunEnd } from '../domain/run.ts';
import type { Usage } from '../domain/usage.ts';

/**
 * A run's journal: `runs/<n>/journal.ndjson`, one JSON object a line, written by one process, created exclusively.
 * It is the contract between a supervisor and every orchestrator that comes after it: a newer reader understands
 * an older journal, so entries gain optional fields and never lose or change one.
 *
 * A line without its newline was torn by a crash and does not count. Times are epoch milliseconds.
 */
export const journalVersion = 1;

export type JournalEntry =
  | JournalHeader
  /** On disk before the agent is executed: from here on the run is never started again. */
  | { readonly type: 'agent-starting'; readonly at: number }
  /** The agent's program has replaced the launcher. */
  | { readonly type: 'agent-started'; readonly at: number }
  /** The launch failed before `agent-starting`: the claim may be replaced. */
  | {
      readonly type: 'launch-failed';
      readonly at: number;
      readonly reason: string;
      readonly retryable: boolean;
    }
  /** A write is about to be sent. On disk before it is. */
  | {
      readonly type: 'operation-started';
      readonly operation: Omit<Operation, 'outcome' | 'durationMs'>;
    }
  | { readonly type: 'operation'; readonly operation: Operation }
  /** The PR of this life was opened or adopted. */
  | { readonly type: 'pull-request'; readonly at: number; readonly number: number }
  /** The agent posted a comment. `id` is the forge's. */
  | { readonly type: 'comment'; readonly at: number; readonly id: number }
  | { readonly type: 'done'; readonly at: number; readonly done: Done }
  /** The agent's program names its conversation: the next run of this life goes on with it. */
  | { readonly type: 'session'; readonly at: number; readonly id: string }
  /** What the whole run has used of models until now: the newest entry counts. */
  | { readonly type: 'usage'; readonly at: number; readonly usage: Usage }
  /** The first one seals the journal and is the only source of the outcome. */
  | { readonly type: 'ended'; readonly end: RunEnd };

/** First line: who claims the run. */
export interface JournalHeader {
  readonly type: 'claimed';
  readonly version: number;
  readonly at: number;
  readonly slug: string;
  readonly run: number;
  /** Undefined when a run that was never launched is sealed by whoever stops it. */
  readonly supervisor: ProcessIdentity | undefined;
}

/** Names a process for as long as the machine runs: a pid alone is reused. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of `/proc/<pid>/stat`: clock ticks after boot. */
  readonly startTime: string;
  readonly bootId: string;
  /** What the control socket answers, to tell this supervisor from any other. */
  readonly nonce: string;
}
