import type { JournalEntry } from '../journal/format.ts';
import type { Operation } from '../domain/operation.ts';

/**
 * The op log of one run, as the sidecar and the git gate write it.
 *
 * Numbers are given so that none is ever missing on disk: a write gets its own when it begins, together with its
 * `operation-started` entry; everything else when it is finished. A slow call therefore never holds back another's entry,
 * and entries may lie in the journal out of their order: readers put them in order (`inSequence`).
 */
export interface OperationLog {
  /**
   * Records that a call arrived. For a write it resolves when that is on disk: only then may the write be sent.
   * Safe to call concurrently.
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
   * Waits until every write that began is finished, but not for ever: then closes what is open as an error, so that the
   * journal can be sealed without a gap. What finishes later is not recorded.
   */
  settle(timeoutMs: number): Promise<void>;
}

export function createOperationLog(journal: EntrySink): OwnedOperationLog {
  let lastSequence = 0;
  const open = new Set<OpenOperation>();
  let onSettled: (() => void) | undefined;
  return {
    async begin({ write, ...call }) {
      const at = Date.now();
      const began = performance.now();
      const started = write ? { sequence: ++lastSequence, at, ...call } : undefined;
      let finished = false;
      const opened: OpenOperation = {
        async finish(outcome, reason) {
          if (finished) return;
          finished = true;
          const operation: Operation = {
            ...(started ?? { sequence: ++lastSequence, at, ...call }),
            outcome,
            ...(reason === undefined ? {} : { reason }),
            durationMs: Math.round(performance.now() - began),
          };
          const durable = write || outcome === 'rejected';
          try {
            await journal.append({ type: 'operation', operation }, { durable });
          } finally {
            open.delete(opened);
            if (open.size === 0) onSettled?.();
          }
        },
      };
      open.add(opened);
      if (started !== undefined) {
        const entry = { type: 'operation-started', operation: started } as const;
        await journal.append(entry, { durable: true });
      }
      return opened;
    },
    async settle(timeoutMs) {
      if (open.size > 0) {
        await new Promise<void>((resolve) => {
          onSettled = resolve;
          setTimeout(resolve, timeoutMs);
        });
      }
      const reason = 'the run ended before the answer was known';
      await Promise.all([...open].map((operation) => operation.finish('error', reason)));
    },
  };
}
