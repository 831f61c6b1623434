import type { RunEnd } from '../domain/run.ts';
import type { Operation } from '../domain/operation.ts';
import { journalVersion, type JournalEntry } from './format.ts';
import { readJournal } from './reader.ts';
import { claimJournal, reopenJournal } from './writer.ts';

/**
 * Seals the journal of a run that has no writer any more, and closes the writes whose answer nobody will know.
 * A run that was never claimed is claimed by this, so that a late launch finds it ended.
 *
 * The caller holds the run's lock and has proven its supervisor dead.
 * @param decide gives the end, from what is known
 * @returns the end the journal has: the earlier one if there was one
 */
export async function sealJournal(
  path: string,
  run: { slug: string; run: number },
  decide: (known: { startedAt: number | undefined; done: RunEnd['done'] }) => RunEnd,
): Promise<RunEnd> {
  const journal = await readJournal(path);
  if (journal === undefined) {
    const end = decide({ startedAt: undefined, done: undefined });
    const header = {
      type: 'claimed',
      version: journalVersion,
      at: Date.now(),
      ...run,
      supervisor: undefined,
    } as const;
    const claimed = await claimJournal(path, header);
    if (claimed === undefined) return await sealJournal(path, run, decide);
    await claimed.seal({ type: 'ended', end });
    return end;
  }
  if (journal.end !== undefined) return journal.end;
  const writer = await reopenJournal(path, journal.validBytes);
  for (const operation of unanswered(journal.entries)) {
    await writer.append({ type: 'operation', operation });
  }
  const done = journal.entries.find((entry) => entry.type === 'done')?.done;
  const end = decide({ startedAt: journal.startingAt, done });
  await writer.seal({ type: 'ended', end });
  return end;
}

function unanswered(entries: readonly JournalEntry[]): Operation[] {
  const answered = new Set(
    entries.flatMap((entry) => (entry.type === 'operation' ? [entry.operation.sequence] : [])),
  );
  return entries.flatMap((entry) =>
    entry.type === 'operation-started' && !answered.has(entry.operation.sequence)
      ? [
          {
            ...entry.operation,
            outcome: 'error' as const,
            reason: 'the supervisor died before the answer was known',
            durationMs: 0,
          },
        ]
      : [],
  );
}
