import type { RunEnd } from '../domain/run.ts';
import { journalVersion, type ProcessIdentity } from './format.ts';
import { readJournal } from './reader.ts';
import { claimJournal, reopenJournal } from './writer.ts';

/** What the end of a run without a writer is decided from. */
export interface KnownRun {
  /** Undefined when nobody claimed the run. */
  readonly supervisor: ProcessIdentity | undefined;
  readonly startedAt: number | undefined;
  readonly done: RunEnd['done'];
}

/**
 * Seals the journal of a run that has no writer any more, and closes the writes whose answer nobody will know.
 * A run that was never claimed is claimed by this, so that a late launch finds it ended.
 *
 * The caller holds the run's lock.
 * @param decide gives the end, from what is known; undefined when the supervisor lives, and the journal is its own
 * @returns the end the journal has: the earlier one if there was one; undefined when it was left to its supervisor
 */
export async function sealJournal(
  path: string,
  run: { slug: string; run: number },
  decide: (known: KnownRun) => RunEnd | undefined,
): Promise<RunEnd | undefined> {
  const journal = await readJournal(path);
  if (journal === undefined) {
    const end = decide({ supervisor: undefined, startedAt: undefined, done: undefined });
    if (end === undefined) return undefined;
    const header = {
      type: 'claimed',
      version: journalVersion,
      at: Date.now(),
      ...run,
      supervisor: undefined,
    } as const;
    const claimed = await claimJournal(path, header);
    await claimed?.seal({ type: 'ended', end });
    return claimed === undefined ? undefined : end;
  }
  if (journal.end !== undefined) return journal.end;
  const end = decide({
    supervisor: journal.header?.supervisor,
    startedAt: journal.startingAt,
    done: journal.done,
  });
  if (end === undefined) return undefined;
  const writer = await reopenJournal(path, journal.validBytes);
  const unknown = {
    outcome: 'error',
    reason: 'the supervisor died before the answer was known',
    durationMs: 0,
  } as const;
  const missing = [...journal.unanswered.values()].map(
    (started) => ({ type: 'operation', operation: { ...started, ...unknown } }) as const,
  );
  await writer.seal({ type: 'ended', end }, missing);
  return end;
}
