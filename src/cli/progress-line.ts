import { colours, terminalWidth } from './terminal.ts';

/** The last line of a terminal, which says what is waited for. Elsewhere nothing is written. */
export function progressLine(): { show(text: string): void; clear(): void } {
  const width = terminalWidth();
  if (width === undefined) return { show: () => undefined, clear: () => undefined };
  const clear = (): void => void process.stdout.write('\r\u001b[K');
  return {
    show(text) {
      clear();
      const shown = text.length < width ? text : `${text.slice(0, width - 2)}…`;
      process.stdout.write(colours.dim(shown));
    },
    clear,
  };
}
