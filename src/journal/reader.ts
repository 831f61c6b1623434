import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { RunEnd } from '../domain/run.ts';
import type { JournalEntry, JournalHeader } from './format.ts';
import { PathWatch } from './path-watch.ts';

const pollMs = 500;
const readBytes = 64 * 1024;

/** What a journal says. */
export interface Journal {
  readonly header: JournalHeader | undefined;
  readonly entries: readonly JournalEntry[];
  /** Length of what reads well; what lies behind was torn. */
  readonly validBytes: number;
  /** Epoch milliseconds of `agent-starting`. Undefined: no agent was ever spawned and the claim may be replaced. */
  readonly startingAt: number | undefined;
  /** Epoch milliseconds of `agent-started`. */
  readonly startedAt: number | undefined;
  readonly launchFailure: { readonly reason: string; readonly retryable: boolean } | undefined;
  /** Of the first `ended` entry. */
  readonly end: RunEnd | undefined;
}

/** Reads a journal as it is now. Undefined when there is none. */
export async function readJournal(path: string): Promise<Journal | undefined> {
  try {
    return parseJournal(await readFile(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Lines without a newline, and lines that are no JSON, were torn by a crash and do not count. */
export function parseJournal(bytes: Buffer): Journal {
  const validBytes = bytes.lastIndexOf(0x0a) + 1;
  const entries = parseLines(bytes.subarray(0, validBytes));
  const find = <T extends JournalEntry['type']>(
    type: T,
  ): Extract<JournalEntry, { type: T }> | undefined =>
    entries.find((entry): entry is Extract<JournalEntry, { type: T }> => entry.type === type);
  return {
    header: find('claimed'),
    entries,
    validBytes,
    startingAt: find('agent-starting')?.at,
    startedAt: find('agent-started')?.at,
    launchFailure: find('launch-failed'),
    end: find('ended')?.end,
  };
}

/**
 * Gives each entry as it is written. Waits for a journal that is not there yet. Ends after the first `ended` entry, or
 * when `signal` aborts.
 */
export async function* followJournal(
  path: string,
  signal: AbortSignal,
): AsyncGenerator<JournalEntry> {
  for await (const entries of followJournalInBatches(path, signal)) {
    for (const entry of entries) {
      if (signal.aborted) return;
      yield entry;
    }
  }
}

/** As `followJournal`, but gives at once all entries that one read of the file brought: never none. */
export async function* followJournalInBatches(
  path: string,
  signal: AbortSignal,
): AsyncGenerator<readonly JournalEntry[]> {
  const file = await openWhenThere(path, signal);
  if (file === undefined) return;
  try {
    using changes = new PathWatch(path, pollMs);
    const buffer = Buffer.alloc(readBytes);
    let torn: Buffer = Buffer.alloc(0);
    let position = 0;
    while (!signal.aborted) {
      const { bytesRead } = await file.read(buffer, 0, readBytes, position);
      if (bytesRead === 0) {
        // A torn line is cut off and written again: read it again.
        position -= torn.length;
        torn = Buffer.alloc(0);
        await changes.next(signal);
        continue;
      }
      position += bytesRead;
      const bytes = Buffer.concat([torn, buffer.subarray(0, bytesRead)]);
      const validBytes = bytes.lastIndexOf(0x0a) + 1;
      torn = bytes.subarray(validBytes);
      const entries = parseLines(bytes.subarray(0, validBytes));
      const ended = entries.findIndex(({ type }) => type === 'ended');
      if (entries.length > 0) yield ended === -1 ? entries : entries.slice(0, ended + 1);
      if (ended !== -1) return;
    }
  } finally {
    await file.close();
  }
}

async function openWhenThere(path: string, signal: AbortSignal): Promise<FileHandle | undefined> {
  using poll = new PathWatch(path, pollMs / 5);
  while (!signal.aborted) {
    try {
      return await open(path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      await poll.next(signal);
    }
  }
  return undefined;
}

function parseLines(bytes: Buffer): JournalEntry[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as JournalEntry];
      } catch {
        return [];
      }
    });
}
