const newline = 0x0a;
/** OpenAI's last event repeats the whole answer. */
const maxLineBytes = 8 * 1024 * 1024;
const tailBytes = 256;

/**
 * Reads a stream of server-sent events as it passes, and keeps no more of it than a line that has begun. Only the lines
 * with one of the needles are parsed.
 */
export class EventScanner {
  readonly #needles: readonly Buffer[];
  readonly #onEvent: (event: unknown) => void;
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #tail = '';

  /** @param needles with quotation marks: inside of JSON's strings these are escaped, so that no text is taken for one */
  constructor(needles: readonly string[], onEvent: (event: unknown) => void) {
    this.#needles = needles.map((needle) => Buffer.from(needle));
    this.#onEvent = onEvent;
  }

  /** The last bytes that came. */
  get tail(): string {
    return this.#tail;
  }

  write(chunk: Buffer): void {
    const last = chunk.subarray(-tailBytes).toString('latin1');
    this.#tail = (this.#tail + last).slice(-tailBytes);
    let whole = chunk;
    if (this.#begunBytes > 0) {
      const end = chunk.indexOf(newline);
      this.#begin(end === -1 ? chunk : chunk.subarray(0, end));
      if (end === -1) return;
      this.#finishLine();
      whole = chunk.subarray(end + 1);
    }
    const end = whole.lastIndexOf(newline) + 1;
    this.#scan(whole.subarray(0, end));
    if (end < whole.length) this.#begin(whole.subarray(end));
  }

  /** Takes the last line, which may have no end. */
  end(): void {
    this.#finishLine();
  }

  #begin(part: Buffer): void {
    this.#begunBytes += part.length;
    // A copy: a part of a chunk would keep the whole of it in memory.
    if (this.#begunBytes <= maxLineBytes) this.#begun.push(Buffer.from(part));
    else this.#begun = [];
  }

  #finishLine(): void {
    const line = Buffer.concat(this.#begun);
    this.#begun = [];
    this.#begunBytes = 0;
    if (this.#needles.some((needle) => line.includes(needle))) this.#read(line);
  }

  /** @param lines whole ones, the last newline included */
  #scan(lines: Buffer): void {
    for (const needle of this.#needles) {
      for (let at = lines.indexOf(needle); at !== -1; at = lines.indexOf(needle, at)) {
        const begin = lines.lastIndexOf(newline, at) + 1;
        const end = lines.indexOf(newline, at);
        this.#read(lines.subarray(begin, end));
        at = end;
      }
    }
  }

  #read(line: Buffer): void {
    const text = line.toString('utf8');
    if (!text.startsWith('data:')) return;
    let event: unknown;
    try {
      event = JSON.parse(text.slice('data:'.length));
    } catch {
      return;
    }
    this.#onEvent(event);
  }
}
