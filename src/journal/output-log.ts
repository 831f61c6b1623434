import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What an agent printed, kept in pieces: `output.log` is the head, `output.log.<offset>` the newest pieces after it.
 * A piece's name tells where in the whole output it begins, so a gap (pieces dropped by the cap, or bytes
 * that a full disk did not take) shows as the distance between one piece's end and the next one's begin.
 */
export interface OutputCap {
  readonly headBytes: number;
  readonly pieceBytes: number;
  /** Newest pieces kept after the head. */
  readonly pieces: number;
}

const MiB = 1024 * 1024;

/** 64 MiB: 32 of head, 24 to 32 of tail. */
export const outputCap: OutputCap = { headBytes: 32 * MiB, pieceBytes: 8 * MiB, pieces: 4 };

const fullDiskRetryMs = 1000;
const readBytes = 64 * 1024;
const followPollMs = 100;

/**
 * Takes all output, at any speed, whatever the disk does. Writes synchronously: nothing piles up in memory
 * and the agent's pipe is drained as fast as the disk takes it.
 */
export class OutputLog {
  readonly #path: string;
  readonly #cap: OutputCap;
  readonly #pieces: string[] = [];
  #file: number | undefined;
  #room = 0;
  /** Where the piece that was written last ends. */
  #end = 0;
  /** All bytes printed so far. */
  #total = 0;
  #retryAt = 0;

  constructor(path: string, cap: OutputCap = outputCap) {
    this.#path = path;
    this.#cap = cap;
    this.#file = openSync(path, 'w', 0o600);
    this.#room = cap.headBytes;
  }

  write(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0 && Date.now() >= this.#retryAt) {
      try {
        if (this.#file === undefined || this.#room === 0) this.#nextPiece();
        const written = writeSync(this.#file as number, rest, 0, Math.min(rest.length, this.#room));
        this.#room -= written;
        this.#total += written;
        this.#end = this.#total;
        rest = rest.subarray(written);
      } catch {
        // Whatever is wrong with the disk, the agent must not block on its pipe: count the bytes and try again later.
        this.#closePiece();
        this.#retryAt = Date.now() + fullDiskRetryMs;
      }
    }
    this.#total += rest.length;
  }

  /** Closes the log. A gap at the very end is marked by an empty piece. */
  close(): void {
    if (this.#total > this.#end) {
      try {
        this.#nextPiece();
      } catch {
        // Still no space: the gap at the end stays uncounted.
      }
    }
    this.#closePiece();
  }

  #nextPiece(): void {
    this.#closePiece();
    const path = `${this.#path}.${this.#total}`;
    while (this.#pieces.length >= this.#cap.pieces) rmSync(this.#pieces.shift() as string);
    this.#file = openSync(path, 'w', 0o600);
    this.#pieces.push(path);
    this.#room = this.#cap.pieceBytes;
  }

  #closePiece(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/**
 * Gives the output: head, a line that counts what was left out, tail. May run while the log is written.
 * @param hasEnded asked before each round of reading; when it says yes that round is the last
 */
export async function* readOutputLog(
  path: string,
  hasEnded: () => boolean | Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let position = 0;
  while (!signal.aborted) {
    const last = await hasEnded();
    for (const piece of await listPieces(path)) {
      if (piece.begin > position) {
        yield Buffer.from(`\n[… ${piece.begin - position} bytes left out …]\n`);
        position = piece.begin;
      }
      for await (const chunk of readPiece(piece.path, position - piece.begin)) {
        position += chunk.length;
        yield chunk;
        if (signal.aborted) return;
      }
    }
    if (last) return;
    await delay(followPollMs, undefined, { signal }).catch(() => {});
  }
}

async function listPieces(path: string): Promise<{ path: string; begin: number }[]> {
  const head = basename(path);
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => name === head || /^\.\d+$/.test(name.slice(head.length)))
    .filter((name) => name.startsWith(head))
    .map((name) => ({
      path: join(dirname(path), name),
      begin: Number(name.slice(head.length + 1)),
    }))
    .toSorted((a, b) => a.begin - b.begin);
}

async function* readPiece(path: string, offset: number): AsyncGenerator<Buffer> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    // Dropped by the cap since it was listed: the next piece's begin counts it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(readBytes);
      const { bytesRead } = await file.read(buffer, 0, readBytes, offset);
      if (bytesRead === 0) return;
      offset += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
