import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

test.each(['troubleshooting.md', 'guides/*.md'])(
  'docs/%s quotes what the program says',
  async (pages) => {
    const said = await allThatIsSaid();
    const unsaid: string[] = [];
    for await (const page of glob(`docs/${pages}`, { cwd: root })) {
      const quotes = symptomsIn(await readFile(join(root, page), 'utf8'));
      unsaid.push(...quotes.flatMap(partsOf).filter((part) => !said.includes(part)));
    }
    expect(unsaid).toEqual([]);
  },
);

/** Texts in backticks with a space in them, in the first column of a table. */
function symptomsIn(text: string): string[] {
  return [...text.matchAll(/^\| (.*?) \|/gm)]
    .flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)])
    .map(([, quote = '']) => quote)
    .filter((quote) => quote.includes(' ') && !quote.startsWith('orchestrator '));
}

/** What stands between the `…`, where something differs from case to case. */
function partsOf(quote: string): string[] {
  return quote
    .split('…')
    .map((part) => part.replace(/^[\s.,:;(]+|[\s.,:;()]+$/g, ''))
    .filter((part) => part.includes(' '));
}

/** The sources, with texts that were put together on several lines as one. */
async function allThatIsSaid(): Promise<string> {
  let all = '';
  for (const pattern of ['src/**/*.ts', 'src/supervisor/git-gate/hooks/*', 'temporal-dev.sh']) {
    for await (const file of glob(pattern, { cwd: root })) {
      all += await readFile(join(root, file), 'utf8');
    }
  }
  return all.replace(/['`] \+\s*['`]/g, '').replaceAll("\\'", "'");
}
