import type { Fields } from './fields.ts';

/** How events look in a run's log. Each gives whole lines, or nothing. */

const longestResult = { lines: 20, characters: 2000 };
const longestInput = 200;

/** What the agent said. */
export function saidLines(text: string): string {
  return text.trim() === '' ? '' : `${text.trimEnd()}\n`;
}

/** What the program around the agent has to tell. */
export function noteLine(text: string): string {
  return `[${text.replace(/\s+/g, ' ').trim()}]\n`;
}

export function commandLines(command: string): string {
  return `$ ${command.trim()}\n`;
}

/** The call of a tool that is no shell. */
export function toolLine(name: string, input: Fields): string {
  return `> ${name} ${cut(JSON.stringify(input), longestInput)}\n`;
}

/** What a tool gave back: its beginning, indented, without empty lines. */
export function resultLines(text: string): string {
  const lines = cut(text, longestResult.characters)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const left = lines.length - longestResult.lines;
  return [
    ...lines.slice(0, longestResult.lines).map((line) => `  ${line.trimEnd()}\n`),
    left > 0 ? `  … ${left} more lines\n` : '',
  ].join('');
}

function cut(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters).toWellFormed()}…` : text;
}
