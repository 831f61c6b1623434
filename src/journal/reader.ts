import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Done, RunEnd } from '../domain/run.ts';
import type { JournalEntry, JournalHeader } from './format.ts';
import { PathWatch } from './path-watch.ts';

const pollMs = 500;
const readBytes = 64 * 1024;
/** Holds any first line. */
const headerBytes = 4 * 1024;
/** Holds any last line: the longest part of it is the agent's summary. */
const tailBytes = 16 * 1024;

/** What a whole journal says, without what it says of each call. */
export interface Journal {
  readonly header: JournalHeader | undefined;
  /** Length of what reads well; what lies behind was torn. */
  readonly validBytes: number;
  /** Epoch milliseconds of `agent-starting`. Undefined: no agent was ever spawned and the claim may be replaced. */
  readonly startingAt: number | undefined;
  /** Epoch milliseconds of `agent-started`. */
  readonly startedAt: number | undefined;
  readonly launchFailure: { readonly reason: string; readonly retryable: boolean } | undefined;
  /** Writes that began and whose answer is not there, by their number. */
  readonly unanswered: ReadonlyMap<number, StartedOperation>;
  /** The highest number of a call; 0 when there is none. */
  readonly lastSequence: number;
  readonly done: Done | undefined;
  /** Of the first `ended` entry. */
  readonly end: RunEnd | undefined;
}

/** What can be read of a journal without reading all of it: it may be long. */
export interface JournalEnds {
  readonly header: JournalHeader | undefined;
  /** Of the `ended` entry, which is the last. */
  readonly end: RunEnd | undefined;
}

type StartedOperation = Extract<JournalEntry, { type: 'operation-started' }>['operation'];

/**
 * Reads a journal as it is now, piece by piece. Undefined when there is none.
 * Lines without a newline, and lines that are no JSON, were torn by a crash and do not count.
 */
export async function readJournal(path: string): Promise<Journal | undefined> {
  await using file = await openIfThere(path);
  if (file === undefined) return undefined;
  const known: KnownSoFar = {
    header: undefined,
    startingAt: undefined,
    startedAt: undefined,
    launchFailure: undefined,
    unanswered: new Map(),
    lastSequence: 0,
    done: undefined,
    end: undefined,
  };
  const pieces = new JournalPieces(file);
  for (let entries; (entries = await pieces.next()) !== undefined;) {
    for (const entry of entries) learn(known, entry);
  }
  return { ...known, validBytes: pieces.validBytes };
}

/** Reads the first line of a journal and its last lines as they are now. Undefined when there is none. */
export async function readJournalEnds(path: string): Promise<JournalEnds | undefined> {
  await using file = await openIfThere(path);
  if (file === undefined) return undefined;
  const { size } = await file.stat();
  const [first] = await readLines(file, 0, headerBytes);
  const last = await readLines(file, Math.max(0, size - tailBytes), tailBytes);
  return {
    header: first?.type === 'claimed' ? first : undefined,
    end: last.find((entry) => entry.type === 'ended')?.end,
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
    const pieces = new JournalPieces(file);
    while (!signal.aborted) {
      const entries = await pieces.next();
      if (entries === undefined) {
        await changes.next(signal);
        continue;
      }
      const ended = entries.findIndex(({ type }) => type === 'ended');
      if (entries.length > 0) yield ended === -1 ? entries : entries.slice(0, ended + 1);
      if (ended !== -1) return;
    }
  } finally {
    await file.close();
  }
}

/** What a journal's entries have told so far. */
type KnownSoFar = { -readonly [K in Exclude<keyof Journal, 'validBytes'>]: Journal[K] } & {
  readonly unanswered: Map<number, StartedOperation>;
};

function learn(known: KnownSoFar, entry: JournalEntry): void {
  switch (entry.type) {
    case 'claimed':
      known.header ??= entry;
      break;
    case 'agent-starting':
      known.startingAt ??= entry.at;
      break;
    case 'agent-started':
      known.startedAt ??= entry.at;
      break;
    case 'launch-failed':
      known.launchFailure ??= entry;
      break;
    case 'operation-started':
      known.unanswered.set(entry.operation.sequence, entry.operation);
      known.lastSequence = Math.max(known.lastSequence, entry.operation.sequence);
      break;
    case 'operation':
      known.unanswered.delete(entry.operation.sequence);
      known.lastSequence = Math.max(known.lastSequence, entry.operation.sequence);
      break;
    case 'done':
      known.done ??= entry.done;
      break;
    case 'ended':
      known.end ??= entry.end;
      break;
    case 'pull-request':
    case 'comment':
    case 'session':
    case 'usage':
      break;
  }
}

/** Reads a journal on, piece by piece, from line to line. */
class JournalPieces {
  readonly #file: FileHandle;
  readonly #buffer = Buffer.alloc(readBytes);
  #torn: Buffer = Buffer.alloc(0);
  #validBytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Up to where whole lines were read. */
  get validBytes(): number {
    return this.#validBytes;
  }

  /** The entries of the next piece, of which there may be none; undefined at the file's present end. */
  async next(): Promise<JournalEntry[] | undefined> {
    const position = this.#validBytes + this.#torn.length;
    const { bytesRead } = await this.#file.read(this.#buffer, 0, readBytes, position);
    if (bytesRead === 0) {
      // A torn line is cut off and written again: it is read again.
      this.#torn = Buffer.alloc(0);
      return undefined;
    }
    const bytes = Buffer.concat([this.#torn, this.#buffer.subarray(0, bytesRead)]);
    const whole = wholeLines(bytes);
    this.#torn = bytes.subarray(whole.length);
    this.#validBytes += whole.length;
    return parseLines(whole);
  }
}

/** The entries in a part of the file. */
async function readLines(
  file: FileHandle,
  position: number,
  length: number,
): Promise<JournalEntry[]> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return parseLines(wholeLines(buffer.subarray(0, bytesRead)));
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function openWhenThere(path: string, signal: AbortSignal): Promise<FileHandle | undefined> {
  // What is not there cannot be watched: its directory can.
  using changes = new PathWatch(dirname(path), pollMs / 5);
  while (!signal.aborted) {
    const file = await openIfThere(path);
    if (file !== undefined) return file;
    await changes.next(signal);
  }
  return undefined;
}

/** Without the last line if it has no newline yet. */
function wholeLines(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
}

/** Without lines that are no JSON. */
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
