import { Help } from 'commander';
import { terminalWidth } from './terminal.ts';

/** Longer lines are hard to read. */
const longestLine = 100;

/**
 * What `--help` tells below the options: `command.addHelpText('after', helpText(…))`.
 * @param examples whole command lines, to be copied
 * @param about paragraphs, wrapped to the terminal
 */
export function helpText(examples: readonly string[], ...about: readonly string[]): () => string {
  return () =>
    [
      ...about.map((paragraph) => `\n${new Help().boxWrap(paragraph, textWidth())}`),
      examplesText(examples),
    ].join('\n');
}

export function examplesText(examples: readonly string[]): string {
  return ['\nExamples:', ...examples.map((example) => `  ${example}`)].join('\n');
}

/** Columns for a help's text. Commander takes 80 as well where the output is no terminal. */
export function textWidth(): number {
  return Math.min(terminalWidth() ?? 80, longestLine);
}
