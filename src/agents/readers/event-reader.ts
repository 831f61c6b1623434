import type { AgentFacts, OutputReader } from '../output-reader.ts';
import { type Fields, object, parse, text } from './fields.ts';

/** The facts of a reader, as it gathers them. */
export type Gathered = { -readonly [Key in keyof AgentFacts]: AgentFacts[Key] };

export interface EventReaderParts {
  readonly facts: Gathered;
  /**
   * Gathers facts from an event, which has a `type`.
   * @returns the lines that the log gets in its place, or undefined: it is not known and goes to the log as it is
   */
  readonly interpret: (event: Fields) => string | undefined;
  /** Events that begin so mean nothing, and are not even parsed: there are many of them, and long ones. */
  readonly ignored?: readonly string[];
}

/** More than any event that matters has. */
const longestEvent = 1024 * 1024;
/** Of an event that is not known. */
const longestUnknown = 2000;

const smallest = 64 * 1024;
const newline = 0x0a;
const brace = 0x7b;

/**
 * Reads events, each a line of JSON. What begins otherwise than with a brace is passed on as it comes, whatever its length;
 * an event longer than 1 MiB is left out, and the log says so. Holds at most one line.
 */
export function createEventReader({
  facts,
  interpret,
  ignored = [],
}: EventReaderParts): OutputReader {
  const held = new HeldLine();
  /** What the line is that the output has come to. */
  let line: 'undecided' | 'event' | 'plain' = 'undecided';

  /** What the log gets for the line that is held. @param end as it ended */
  function replace(end: string): string {
    const raw = held.take();
    if (ignored.some((start) => raw.text.startsWith(start))) {
      return '';
    }
    if (raw.isCut) {
      return `[an event of ${raw.bytes} bytes is left out: ${raw.text.slice(0, 80).toWellFormed()}…]${end}`;
    }
    const event = object(parse(raw.text));
    const lines = text(event['type']) === '' ? undefined : interpret(event);
    return lines ?? `${shortened(raw.text)}${end}`;
  }

  return {
    facts,
    write(chunk) {
      const out: (Buffer | string)[] = [];
      /** From here on it is passed on as it is. */
      let kept = 0;
      for (let at = 0; at < chunk.length;) {
        const newlineAt = chunk.indexOf(newline, at);
        const isWhole = newlineAt !== -1;
        const next = isWhole ? newlineAt + 1 : chunk.length;
        if (line === 'undecided') {
          line = chunk[at] === brace ? 'event' : 'plain';
        }
        if (line === 'event') {
          out.push(chunk.subarray(kept, at));
          held.append(chunk.subarray(at, isWhole ? newlineAt : chunk.length));
          out.push(isWhole ? replace('\n') : '');
          kept = next;
        }
        line = isWhole ? 'undecided' : line;
        at = next;
      }
      out.push(chunk.subarray(kept));
      return joined(out);
    },
    end: () => (line === 'event' ? replace('') : ''),
  };
}

/** A line as it comes, up to `longestEvent` of it. */
class HeldLine {
  #buffer = Buffer.alloc(smallest);
  #length = 0;
  #bytes = 0;

  append(piece: Buffer): void {
    this.#bytes += piece.length;
    const length = Math.min(this.#length + piece.length, longestEvent);
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(
        Math.max(length, Math.min(this.#buffer.length * 2, longestEvent)),
      );
      this.#buffer.copy(larger, 0, 0, this.#length);
      this.#buffer = larger;
    }
    piece.copy(this.#buffer, this.#length, 0, length - this.#length);
    this.#length = length;
  }

  /** The line, of one that was too long only its beginning; then there is none. */
  take(): { readonly text: string; readonly bytes: number; readonly isCut: boolean } {
    const bytes = this.#bytes;
    const isCut = bytes > longestEvent;
    const text = this.#buffer.toString('utf8', 0, isCut ? longestUnknown : this.#length);
    if (this.#buffer.length > smallest) {
      this.#buffer = Buffer.alloc(smallest);
    }
    this.#length = 0;
    this.#bytes = 0;
    return { text, bytes, isCut };
  }
}

function shortened(raw: string): string {
  return raw.length > longestUnknown
    ? `${raw.slice(0, longestUnknown).toWellFormed()}… (${raw.length} characters)`
    : raw;
}

function joined(parts: readonly (Buffer | string)[]): Buffer | string {
  const some = parts.filter((part) => part.length > 0);
  const [first] = some;
  if (some.length === 1 && first !== undefined) {
    return first;
  }
  return some.every((part) => typeof part === 'string')
    ? some.join('')
    : Buffer.concat(some.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}
