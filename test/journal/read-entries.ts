import { readFile } from 'node:fs/promises';
import type { JournalEntry } from '../../src/journal/format.ts';

/** All whole lines of a journal. */
export async function readEntries(path: string): Promise<JournalEntry[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as JournalEntry);
}
