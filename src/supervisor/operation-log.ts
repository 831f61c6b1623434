import type { JournalEntry } from '../journal/format.ts';
import type { Operation } from '../domain/operation.ts';

/** What the entries of one run may take in its journal. Whatever an agent does, its journal stays quick to read. */
const budgetBytes = 32 * 1024 * 1024;

/** The agent has called so often that no further call can be recorded: none is carried out. */
export class OperationBudgetError extends Error {
  override readonly name = 'OperationBudgetError';
  constructor() {
    super('this run has made more calls than are recorded for one, nothing more is carried out');
  }
}

/**
 * The op log of one run, as the sidecar and the git gate write it.
 *
 * Numbers are given so that none is ever missing on disk: a write gets its own when it begins, together with its
 * `operation-started` entry; everything else when it is finished. A slow call therefore never holds back another's entry,
 * and entries may lie in the journal out of their order: readers put them in order (`OrderedOperations`). What has a
 * number and was refused by the journal is owed to it, and written before any other call gets one.
 */
export interface OperationLog {
  /**
   * Records that a call arrived. For a write it resolves when that is on disk: only then may the write be sent.
   * Safe to call concurrently.
   * @throws OperationBudgetError for everything but the end of the work, when the run's share is used up
   */
  begin(call: OperationCall): Promise<OpenOperation>;
}

export type OperationCall = Pick<
  Operation,
  'operation' | 'target' | 'argumentsDigest' | 'argumentsShort'
> & {
  /** True when something is about to be sent to the forge, or the run's end to be recorded. */
  readonly write: boolean;
};

export interface OpenOperation {
  /** Records how it ended, on disk for writes and refusals. Call it exactly once, whatever happened. */
  finish(outcome: Operation['outcome'], reason?: string): Promise<void>;
}

/** Where entries go; `JournalWriter` is one. */
export interface EntrySink {
  append(entry: JournalEntry, options?: { durable: boolean }): Promise<void>;
}

/** The op log with what only its owner does. */
export interface OwnedOperationLog extends OperationLog {
  /**
   * Waits until every call that began is finished, but not for ever: then closes what is open as an error.
   * What finishes later is not recorded.
   * @returns what is still to be written before the journal is sealed, so that it has no gap
   */
  settle(timeoutMs: number): Promise<readonly OperationEntry[]>;
}

type OperationEntry = Extract<JournalEntry, { type: 'operation' }>;

export function createOperationLog(
  journal: EntrySink,
  budget: number = budgetBytes,
): OwnedOperationLog {
  let lastSequence = 0;
  let spentBytes = 0;
  let refusing = false;
  const open = new Set<CloseOperation>();
  /** What has a number and whose entry the journal refused. */
  let owed: Operation[] = [];
  let onSettled: (() => void) | undefined;

  function append(entry: JournalEntry, durable: boolean): Promise<void> {
    spentBytes += JSON.stringify(entry).length;
    return journal.append(entry, { durable });
  }

  async function record(operation: Operation, durable: boolean): Promise<void> {
    try {
      await append({ type: 'operation', operation }, durable);
    } catch (error) {
      owed.push(operation);
      throw error;
    }
  }

  async function payOff(): Promise<void> {
    const operations = owed;
    owed = [];
    await Promise.all(operations.map((operation) => record(operation, true)));
  }

  /** The first call beyond the budget is recorded, for all that follow. */
  async function refuse(call: Omit<OperationCall, 'write'>): Promise<never> {
    const error = new OperationBudgetError();
    if (!refusing) {
      refusing = true;
      const refused = { ...call, outcome: 'rejected', reason: error.message } as const;
      await record({ sequence: ++lastSequence, at: Date.now(), ...refused, durationMs: 0 }, true);
    }
    throw error;
  }

  return {
    async begin({ write, ...call }) {
      if (owed.length > 0) await payOff();
      const endsWork = write && call.operation === 'signal_done';
      if (spentBytes >= budget && !endsWork) return await refuse(call);
      const at = Date.now();
      const began = performance.now();
      const started = write ? { sequence: ++lastSequence, at, ...call } : undefined;
      let closed = false;
      const close: CloseOperation = (outcome, reason) => {
        if (closed) return undefined;
        closed = true;
        return {
          ...(started ?? { sequence: ++lastSequence, at, ...call }),
          outcome,
          ...(reason === undefined ? {} : { reason }),
          durationMs: Math.round(performance.now() - began),
        };
      };
      const leave = (): void => {
        open.delete(close);
        if (open.size === 0) onSettled?.();
      };
      open.add(close);
      if (started !== undefined) {
        try {
          await append({ type: 'operation-started', operation: started }, true);
        } catch (error) {
          const operation = close('error', 'it could not be recorded, and was not sent');
          if (operation !== undefined) owed.push(operation);
          leave();
          throw error;
        }
        if (closed) throw new Error('the run has ended');
      }
      return {
        async finish(outcome, reason) {
          const operation = close(outcome, reason);
          if (operation === undefined) return;
          try {
            await record(operation, write || outcome === 'rejected');
          } finally {
            leave();
          }
        },
      };
    },
    async settle(timeoutMs) {
      if (open.size > 0) {
        await new Promise<void>((resolve) => {
          onSettled = resolve;
          setTimeout(resolve, timeoutMs);
        });
      }
      const reason = 'the run ended before the answer was known';
      const unanswered = [...open].flatMap((close) => close('error', reason) ?? []);
      return [...owed, ...unanswered].map((operation) => ({ type: 'operation', operation }));
    },
  };
}

/** Gives the operation as it ended; undefined when that was given before. */
type CloseOperation = (outcome: Operation['outcome'], reason?: string) => Operation | undefined;
