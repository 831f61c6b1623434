import { open, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEnd } from '../domain/run.ts';
import type { ProcessIdentity } from '../journal/format.ts';
import { type Journal, parseJournal, readJournal } from '../journal/reader.ts';
import { runPaths } from './directory.ts';
import { isAlive } from './liveness.ts';

/** A run as the disk and the process table show it. */
export type RunState =
  | { readonly state: 'absent' }
  | { readonly state: 'ended'; readonly journal: Journal; readonly end: RunEnd }
  | { readonly state: 'alive'; readonly journal: Journal; readonly supervisor: ProcessIdentity }
  | { readonly state: 'dead'; readonly journal: Journal };

export async function readRunState(journalPath: string): Promise<RunState> {
  // Asked before the journal is read: a supervisor that seals and ends in between is seen as ended, never as dead.
  const supervisor = await readSupervisor(journalPath);
  const alive = supervisor !== undefined && isAlive(supervisor);
  const journal = await readJournal(journalPath);
  if (journal === undefined) return { state: 'absent' };
  if (journal.end !== undefined) return { state: 'ended', journal, end: journal.end };
  if (alive) return { state: 'alive', journal, supervisor };
  // A claim that appeared between the two looks.
  const claimed = journal.header?.supervisor;
  if (supervisor === undefined && claimed !== undefined && isAlive(claimed)) {
    return { state: 'alive', journal, supervisor: claimed };
  }
  return { state: 'dead', journal };
}

/** The runs whose supervisor lives, its journal sealed or not. */
export async function listLivingRuns(runsDirectory: string): Promise<number[]> {
  const names = await readdir(runsDirectory).catch(() => []);
  const runs = names.map(Number).filter((run) => Number.isInteger(run) && run > 0);
  const living = await Promise.all(
    runs.map(async (run) => {
      const supervisor = await readSupervisor(runPaths(runsDirectory, run).journal);
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

/** Reads the first line only: a journal may be long. */
async function readSupervisor(journalPath: string): Promise<ProcessIdentity | undefined> {
  try {
    await using file = await open(journalPath, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return parseJournal(buffer.subarray(0, bytesRead)).header?.supervisor;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
