import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProjectRoot } from '../project-root.ts';

const execute = promisify(execFile);

/** What `--help` prints for the program and each of its commands, at the width of 80 columns. */
export async function commandLineReference(): Promise<string> {
  return (await helpOf([])).map(section).join('\n\n');
}

interface Help {
  /** The command's words behind `orchestrator`. */
  readonly words: readonly string[];
  readonly text: string;
}

/** Of the command and all below it. */
async function helpOf(words: readonly string[]): Promise<Help[]> {
  const { stdout } = await execute(
    process.execPath,
    [join(findProjectRoot(), 'src/main.ts'), ...words, '--help'],
    { env: { NO_COLOR: '1' } },
  );
  const below = await Promise.all(commandsIn(stdout).map((name) => helpOf([...words, name])));
  return [{ words, text: stdout }, ...below.flat()];
}

/** The first words of the lines below `Commands:` and its like. */
function commandsIn(help: string): string[] {
  return [...help.matchAll(/^(?:Commands|Commands [^\n]*):\n((?: {2,}[^\n]*\n)+)/gm)]
    .flatMap(([, lines = '']) => [...lines.matchAll(/^ {2}([a-z-]+)/gm)])
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

function section({ words, text }: Help): string {
  const heading = `${'#'.repeat(Math.min(words.length, 1) + 2)} ${['orchestrator', ...words].join(' ')}`;
  return `${heading}\n\n\`\`\`text\n${withoutGlobalOptions(words, text).trim()}\n\`\`\``;
}

/** They are the same everywhere, and listed with the program. */
function withoutGlobalOptions(words: readonly string[], text: string): string {
  return words.length === 0 ? text : text.replace(/^Global Options:\n(?: {2,}[^\n]*\n)+\n?/m, '');
}
