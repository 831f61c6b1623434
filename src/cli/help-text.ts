import { formatPairs } from './table.ts';
import { terminalWidth, wrapWords } from './terminal.ts';

/** Longer lines are hard to read. */
const longestLine = 100;

/**
 * What `--help` tells below the options: `command.addHelpText('after', helpText(…))`.
 * @param examples whole command lines, to be copied
 * @param about paragraphs, wrapped to the terminal
 */
export function helpText(examples: readonly string[], ...about: readonly string[]): () => string {
  return () => [...about.map(aboutText), examplesText(examples)].join('\n');
}

export function aboutText(paragraph: string): string {
  return `\n${wrapWords(paragraph, textWidth())}`;
}

export function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${indent(examples.join('\n'))}`;
}

/** Names and what they mean, below a title. */
export function listText(
  title: string,
  pairs: readonly (readonly [name: string, meaning: string])[],
): string {
  const nameWidth = Math.max(...pairs.map(([name]) => name.length));
  return `\n${title}:\n${indent(formatPairs(pairs, nameWidth, textWidth() - 2))}`;
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}

/** Commander takes 80 columns as well where the output is no terminal. */
function textWidth(): number {
  return Math.min(terminalWidth() ?? 80, longestLine);
}
