import { stripVTControlCharacters } from 'node:util';
import { colours, terminalWidth } from './terminal.ts';

/* What a terminal does not know of these it leaves out. */
const otherScreen = { enter: '\u001b[?1049h', leave: '\u001b[?1049l' };
const cursor = { hide: '\u001b[?25l', show: '\u001b[?25h' };
/** A line that is too long is cut at the edge, and so takes one line on any terminal. */
const wrapping = { off: '\u001b[?7l', on: '\u001b[?7h' };
/** Between these the terminal shows nothing new. */
const update = { begin: '\u001b[?2026h', end: '\u001b[?2026l' };
const home = '\u001b[H';
const eraseToEndOfLine = '\u001b[K';
const eraseBelow = '\u001b[J';

/** The terminal's other screen, drawn again in place. What was on the terminal is back however the process ends. */
export class Screen {
  #render = (): string => '';

  /** To be called once in a process. */
  open(): void {
    enter();
    process.once('exit', leave);
    process.once('SIGTERM', () => process.exit(143));
    process.once('SIGHUP', () => process.exit(129));
    // Ctrl-Z: the shell gets its own screen, until `fg`.
    process.on('SIGTSTP', () => {
      leave();
      process.kill(process.pid, 'SIGSTOP');
    });
    process.on('SIGCONT', () => {
      enter();
      this.#draw();
    });
    process.stdout.on('resize', () => this.#draw());
  }

  /** So that what is printed from here on stays. */
  close(): void {
    process.off('exit', leave);
    leave();
  }

  /** @param render asked again when the terminal has another size */
  draw(render: () => string): void {
    this.#render = render;
    this.#draw();
  }

  #draw(): void {
    const columns = terminalWidth() ?? Infinity;
    const lines = cut(this.#render().split('\n'), process.stdout.rows || Infinity).map((line) =>
      // At the edge it would erase the line's last character.
      stripVTControlCharacters(line).length < columns ? line + eraseToEndOfLine : line,
    );
    process.stdout.write(`${update.begin}${home}${lines.join('\r\n')}${eraseBelow}${update.end}`);
  }
}

function enter(): void {
  process.stdout.write(`${otherScreen.enter}${cursor.hide}${wrapping.off}`);
}

function leave(): void {
  process.stdout.write(`${wrapping.on}${cursor.show}${otherScreen.leave}`);
}

function cut(lines: readonly string[], rows: number): readonly string[] {
  if (lines.length <= rows) {
    return lines;
  }
  const more = lines.length - rows + 1;
  return [...lines.slice(0, rows - 1), colours.dim(`… ${more} more lines`)];
}
