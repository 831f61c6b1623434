import { parseAnswer } from './json-parts.ts';

const newline = 0x0a;
const field = Buffer.from('data:');
const lineEnd = Buffer.of(newline);
/** OpenAI's last event repeats the whole answer. */
const maxLineBytes = 8 * 1024 * 1024;
const tailBytes = 256;

/**
 * Reads a stream of server-sent events as it passes, and keeps no more of it than a line that has begun. Only the lines
 * with a mark are parsed.
 */
export class EventScanner {
  readonly #hints: readonly Buffer[];
  readonly #mark: RegExp;
  readonly #onEvent: (event: unknown) => void;
  #begun: Buffer[] = [];
  #begunBytes = 0;
  #tail = '';

  /**
   * @param hints words of which every line with a mark has one
   * @param mark of ASCII, with quotation marks: inside of JSON's strings these are escaped, so that no text is taken for one
   */
  constructor(hints: readonly string[], mark: RegExp, onEvent: (event: unknown) => void) {
    this.#hints = hints.map((hint) => Buffer.from(hint));
    this.#mark = new RegExp(mark, 'g');
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
    const line = Buffer.concat([...this.#begun, lineEnd]);
    this.#begun = [];
    this.#begunBytes = 0;
    this.#scan(line);
  }

  /** @param lines whole ones, the last newline included */
  #scan(lines: Buffer): void {
    // Nearly always enough: in the bytes a short word is found without making a text of them.
    if (!this.#hints.some((hint) => lines.includes(hint))) return;
    // One byte is one character; one expression over all is several times faster than to look for each mark in the bytes.
    const text = lines.toString('latin1');
    const mark = this.#mark;
    mark.lastIndex = 0;
    for (let found = mark.exec(text); found !== null; found = mark.exec(text)) {
      const begin = text.lastIndexOf('\n', found.index) + 1;
      const end = text.indexOf('\n', found.index);
      this.#read(lines.subarray(begin, end));
      mark.lastIndex = end;
    }
  }

  #read(line: Buffer): void {
    if (!line.subarray(0, field.length).equals(field)) return;
    const event = parseAnswer(line.subarray(field.length));
    if (event !== undefined) this.#onEvent(event);
  }
}
