import { randomUUID } from 'node:crypto';
import { type FileHandle, link, open, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { JournalEntry, JournalHeader } from './format.ts';

/** Bytes put aside beside a journal, so that it can be sealed on a full disk. */
const reserveBytes = 128 * 1024;
/** Entries that wait for space. Fits into the reserve. */
const backlogBytes = 64 * 1024;
const retryMs = 200;

/** More entries wait for space on the disk than may be kept. */
export class JournalFullError extends Error {
  override readonly name = 'JournalFullError';
}

/**
 * Claims a run: creates its journal with the header as first line, whole or not at all.
 * @returns undefined when the run was claimed before
 */
export async function claimJournal(
  path: string,
  header: JournalHeader,
): Promise<JournalWriter | undefined> {
  const claim = `${path}.${randomUUID()}`;
  const file = await open(claim, 'wx', 0o600);
  try {
    const { bytesWritten } = await file.write(encode(header));
    await file.datasync();
    // A link appears with its whole content and fails where a journal is: an exclusive creation that cannot be torn.
    await link(claim, path);
    return new JournalWriter(path, file, bytesWritten, settleClaim(path, claim));
  } catch (error) {
    await file.close();
    await rm(claim, { force: true });
    if (isCode(error, 'EEXIST')) return undefined;
    throw error;
  }
}

/** The claim holds already; this makes it hold through the machine's death, and sees to it that it can be sealed. */
async function settleClaim(path: string, claim: string): Promise<void> {
  await Promise.all([syncDirectory(dirname(path)), writeReserve(path), rm(claim, { force: true })]);
}

/**
 * Opens a journal to go on with it after its writer died: cuts off what was torn.
 * The caller has proven that nobody else writes to it.
 * @param validBytes up to where it reads well, as `readJournal` says
 */
export async function reopenJournal(path: string, validBytes: number): Promise<JournalWriter> {
  const file = await open(path, 'r+');
  await file.truncate(validBytes);
  return new JournalWriter(path, file, validBytes);
}

/** Where the bytes lie that `seal` gives back to a full disk. */
export function reservePath(journal: string): string {
  return `${journal}.reserve`;
}

/**
 * Appends entries in the order of the calls. On a full disk the file is cut back to its last whole line and entries
 * wait, up to a bound, until there is space.
 */
export class JournalWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  #goodBytes: number;
  #waiting: WaitingEntry[] = [];
  #waitingBytes = 0;
  #draining = false;
  #drained = Promise.resolve();
  #sealing = false;
  /** Durable is only what is in a claim that is. */
  readonly #settled: Promise<void>;

  constructor(path: string, file: FileHandle, goodBytes: number, settled = Promise.resolve()) {
    this.#settled = settled;
    // Whoever appends or closes hears of it.
    settled.catch(() => {});
    this.#path = path;
    this.#file = file;
    this.#goodBytes = goodBytes;
  }

  /**
   * Resolves when the entry is written; with `durable`, when it would survive the machine's death.
   * @throws JournalFullError when the disk is full and too much waits already
   */
  append(entry: JournalEntry, options: { durable: boolean } = { durable: false }): Promise<void> {
    const line = encode(entry);
    if (!this.#sealing && this.#waitingBytes + line.length > backlogBytes) {
      return Promise.reject(new JournalFullError('the disk is full: the journal takes no more'));
    }
    this.#waitingBytes += line.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, durable: options.durable, resolve, reject });
      if (!this.#draining) this.#drained = this.#drain();
    });
  }

  /**
   * Appends the last entry and closes the file. A full disk is no hindrance: the reserve is given back first.
   * @param before entries that are not written yet and must be
   */
  async seal(entry: JournalEntry, before: readonly JournalEntry[] = []): Promise<void> {
    this.#sealing = true;
    const missing = before.map((one) => this.append(one));
    await Promise.all([...missing, this.append(entry, { durable: true })]);
    await this.close();
  }

  /** Closes the file when everything is written. */
  async close(): Promise<void> {
    await this.#drained;
    await this.#settled;
    await this.#file.close();
    await rm(reservePath(this.#path), { force: true });
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const bytes = Buffer.concat(batch.map(({ line }) => line));
      const durable = batch.some((entry) => entry.durable);
      try {
        await this.#write(bytes, durable);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      this.#waitingBytes -= bytes.length;
    }
    // In the same turn as the look at an empty queue: an entry that comes now begins another round.
    this.#draining = false;
  }

  async #write(bytes: Buffer, durable: boolean): Promise<void> {
    for (;;) {
      try {
        let written = 0;
        while (written < bytes.length) {
          const position = this.#goodBytes + written;
          written += (await this.#file.write(bytes, written, undefined, position)).bytesWritten;
        }
        if (durable) {
          await this.#settled;
          await this.#file.datasync();
        }
        this.#goodBytes += bytes.length;
        return;
      } catch (error) {
        if (!isCode(error, 'ENOSPC', 'EDQUOT')) throw error;
        await this.#file.truncate(this.#goodBytes);
        if (this.#sealing) await rm(reservePath(this.#path), { force: true });
        await delay(retryMs);
      }
    }
  }
}

interface WaitingEntry {
  readonly line: Buffer;
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

async function writeReserve(journal: string): Promise<void> {
  try {
    await writeFile(reservePath(journal), Buffer.alloc(reserveBytes), { mode: 0o600 });
  } catch (error) {
    if (!isCode(error, 'ENOSPC', 'EDQUOT')) throw error;
  }
}

function encode(entry: JournalEntry): Buffer {
  return Buffer.from(`${JSON.stringify(entry)}\n`);
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path);
  await directory.sync();
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
