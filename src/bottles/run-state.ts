import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEnd } from '../domain/run.ts';
import type { ProcessIdentity } from '../journal/format.ts';
import { readJournalEnds } from '../journal/reader.ts';
import { runPaths } from './directory.ts';
import { isAlive } from './liveness.ts';

/** A run as the disk and the process table show it. */
export type RunState =
  | { readonly state: 'absent' }
  | { readonly state: 'ended'; readonly end: RunEnd }
  | {
      readonly state: 'alive';
      readonly supervisor: ProcessIdentity;
      /** Epoch milliseconds. */
      readonly claimedAt: number;
    }
  | { readonly state: 'dead' };

/** Costs the same however long the journal is. */
export async function readRunState(journalPath: string): Promise<RunState> {
  const journal = await readJournalEnds(journalPath);
  if (journal === undefined) return { state: 'absent' };
  const { header, end } = journal;
  if (end !== undefined) return { state: 'ended', end };
  if (header?.supervisor !== undefined && isAlive(header.supervisor)) {
    return { state: 'alive', supervisor: header.supervisor, claimedAt: header.at };
  }
  // One that has sealed and ended since is not seen as dead.
  const sealed = (await readJournalEnds(journalPath))?.end;
  return sealed === undefined ? { state: 'dead' } : { state: 'ended', end: sealed };
}

/** The runs whose supervisor lives, its journal sealed or not. */
export async function listLivingRuns(runsDirectory: string): Promise<number[]> {
  const names = await readdir(runsDirectory).catch(() => []);
  const runs = names.map(Number).filter((run) => Number.isInteger(run) && run > 0);
  const living = await Promise.all(
    runs.map(async (run) => {
      const journal = await readJournalEnds(runPaths(runsDirectory, run).journal);
      const supervisor = journal?.header?.supervisor;
      return supervisor !== undefined && isAlive(supervisor);
    }),
  );
  return runs.filter((_, index) => living[index]).toSorted((a, b) => a - b);
}

/** Resolves when the process is gone, with false when it is not gone in time. */
export async function waitForDeath(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (isAlive(identity)) {
    if (Date.now() > end) return false;
    await delay(10);
  }
  return true;
}
