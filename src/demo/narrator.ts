import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';

type Colours = ReturnType<typeof pc.createColors>;

/** A terminal, or whatever stdout is redirected to. */
export type Output = Pick<WriteStream, 'write'> &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'on'>>;

/** Room for the time. */
const INDENT = 10;
const LEAST_COLUMNS = 40;
const TICK_MS = 100;
const TURNS = ['|', '/', '-', '\\'];
const CLEAR_LINE = '\r\u001b[K';

/**
 * Tells a story line by line, each with the seconds since it began. On a terminal a last line says what is waited for, with
 * the time running; elsewhere that is left out.
 */
export class Narrator {
  readonly colours: Colours;
  readonly #output: Output;
  readonly #startedAt = performance.now();
  #waitingFor: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;

  constructor(output: Output) {
    this.#output = output;
    this.colours = pc.createColors(output.isTTY === true && pc.isColorSupported);
  }

  /** Seconds since the beginning: `12.3 s`. */
  elapsed(): string {
    return `${((performance.now() - this.#startedAt) / 1000).toFixed(1)} s`;
  }

  /** Begins a part. */
  heading(text: string): void {
    this.#print(`\n${this.colours.bold(text)}\n`);
  }

  /** Something has happened. `link` goes below it, where it can be as long as it is. */
  step(text: string, link?: string): void {
    const [first = '', ...rest] = this.#wrap(text);
    this.#print(`${this.colours.dim(this.elapsed().padStart(INDENT - 2))}  ${first}\n`);
    this.#indented(rest);
    if (link !== undefined) {
      this.detail(this.colours.cyan(link));
    }
  }

  /** What belongs to the step before. */
  detail(text: string): void {
    this.#indented(this.#wrap(text));
  }

  /** What somebody has written, at most `most` of its lines. */
  quote(text: string, most: number): void {
    const lines = text.trimEnd().split('\n');
    for (const line of lines.slice(0, most)) {
      const parts = this.#wrap(line.replace(/[\s\p{Cc}]/gu, ' '), 2);
      this.#indented(parts.map((part) => `${this.colours.dim('|')} ${part}`));
    }
    if (lines.length > most) {
      this.#indented([this.colours.dim(`(${String(lines.length - most)} more lines)`)]);
    }
  }

  /** As it is, without a time. */
  text(text: string): void {
    this.#print(`${text}\n`);
  }

  /** Says what is waited for while `work` goes on. */
  async during<T>(waitingFor: string, work: Promise<T>): Promise<T> {
    this.#waitingFor = waitingFor;
    if (this.#output.isTTY === true) {
      this.#timer ??= setInterval(() => {
        this.#turn += 1;
        this.#drawWait();
      }, TICK_MS);
    }
    this.#drawWait();
    try {
      return await work;
    } finally {
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#waitingFor = undefined;
      this.#clearWait();
    }
  }

  #indented(lines: readonly string[]): void {
    for (const line of lines) {
      this.#print(`${' '.repeat(INDENT)}${line}\n`);
    }
  }

  /** At words, where a terminal would break lines anywhere; elsewhere a line stays whole. */
  #wrap(text: string, taken = 0): string[] {
    const { isTTY, columns = 80 } = this.#output;
    const room = isTTY === true ? Math.max(columns, LEAST_COLUMNS) - INDENT - taken : Infinity;
    const [first = '', ...words] = text.split(' ');
    const lines = [first];
    for (const word of words) {
      const longer = `${lines.at(-1) ?? ''} ${word}`;
      if (stripVTControlCharacters(longer).length > room) {
        lines.push(word);
      } else {
        lines[lines.length - 1] = longer;
      }
    }
    return lines;
  }

  #print(text: string): void {
    this.#clearWait();
    this.#output.write(text);
    this.#drawWait();
  }

  #clearWait(): void {
    if (this.#output.isTTY === true) {
      this.#output.write(CLEAR_LINE);
    }
  }

  #drawWait(): void {
    if (this.#output.isTTY !== true || this.#waitingFor === undefined) {
      return;
    }
    const turn = TURNS[this.#turn % TURNS.length] ?? '';
    const line = `${this.elapsed().padStart(8)}  ${turn} ${this.#waitingFor}`;
    // A line that wraps could not be cleared.
    const short = line.slice(0, (this.#output.columns ?? 80) - 1);
    this.#output.write(`${CLEAR_LINE}${this.colours.dim(short)}`);
  }
}

/** What others wrote, as one line that cannot move the cursor or pass for something else. */
export function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ').trim();
}
