const replacement = Buffer.from('[redacted]');

/** Takes a key out of an answer, however it is cut into pieces. Holds back no more than what may be the key's beginning. */
export class KeyFilter {
  readonly #key: Buffer;
  #held: Buffer = Buffer.alloc(0);

  /** @param key undefined or empty: everything passes */
  constructor(key: string | undefined) {
    this.#key = Buffer.from(key ?? '');
  }

  /** @returns what may go on */
  write(chunk: Buffer): Buffer {
    const key = this.#key;
    if (key.length === 0) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const passed: Buffer[] = [];
    let from = 0;
    for (let at = bytes.indexOf(key); at !== -1; at = bytes.indexOf(key, from)) {
      passed.push(bytes.subarray(from, at), replacement);
      from = at + key.length;
    }
    const begun = this.#findBeginning(bytes, from);
    passed.push(bytes.subarray(from, begun));
    // A copy: else a few bytes would keep a whole chunk.
    this.#held = Buffer.from(bytes.subarray(begun));
    const [only] = passed;
    return passed.length === 1 && only !== undefined ? only : Buffer.concat(passed);
  }

  /** @returns what was held back: the beginning of a key that did not go on */
  end(): Buffer {
    return this.#held;
  }

  /** Where the key may begin whose end is still to come; the length when it does not. */
  #findBeginning(bytes: Buffer, from: number): number {
    const key = this.#key;
    const start = Math.max(from, bytes.length - key.length + 1);
    for (
      let at = bytes.indexOf(key[0] ?? 0, start);
      at !== -1;
      at = bytes.indexOf(key[0] ?? 0, at + 1)
    ) {
      if (key.compare(bytes, at, bytes.length, 0, bytes.length - at) === 0) return at;
    }
    return bytes.length;
  }
}

/** The same for an answer that is there as a whole. */
export function withoutKey(bytes: Buffer, key: string | undefined): Buffer {
  const filter = new KeyFilter(key);
  const passed = filter.write(bytes);
  const held = filter.end();
  return held.length === 0 ? passed : Buffer.concat([passed, held]);
}
