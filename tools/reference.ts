/** Writes what `docs/reference` says of the code into its pages: `npm run reference`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'oxfmt';
import { findProjectRoot } from './project-root.ts';
import { apiReference } from './reference/api.ts';
import { commandLineReference } from './reference/command-line.ts';
import { commentCommandsReference, stateLabelsReference } from './reference/forge.ts';
import { agentKeysReference, bottleKeysReference } from './reference/manifests.ts';
import { settingsReference } from './reference/settings.ts';

/** By the part's name, which stands in the page in `<!-- generated: <name> -->`. */
const parts: Readonly<Record<string, () => string | Promise<string>>> = {
  settings: settingsReference,
  'agent keys': agentKeysReference,
  'bottle keys': bottleKeysReference,
  'command line': commandLineReference,
  api: apiReference,
  'state labels': stateLabelsReference,
  'comment commands': commentCommandsReference,
};

/** The pages with generated parts, below `docs/reference`. */
export const referencePages = [
  'api.md',
  'cli.md',
  'comment-commands.md',
  'configuration.md',
  'labels.md',
  'manifests.md',
] as const;

/** A page as it is, and as it has to be: between the marks the code's own words, around them what people wrote. */
export async function generatePage(
  page: (typeof referencePages)[number],
): Promise<{ readonly file: string; readonly written: string; readonly generated: string }> {
  const file = join(findProjectRoot(), 'docs/reference', page);
  const written = await readFile(file, 'utf8');
  let text = written;
  for (const [mark, name = ''] of written.matchAll(/<!-- generated: (.+) -->/g)) {
    const part = parts[name];
    if (part === undefined) {
      throw new Error(`docs/reference/${page}: nothing is generated as ${name}`);
    }
    const end = '<!-- end of what is generated -->';
    const [before = '', rest = ''] = text.split(mark);
    const after = rest.slice(rest.indexOf(end));
    text = `${before}${mark}\n\n${await part()}\n\n${after}`;
  }
  const { code: generated } = await format(page, text, { singleQuote: true, printWidth: 100 });
  return { file, written, generated };
}

if (import.meta.main) {
  for (const page of referencePages) {
    const { file, generated } = await generatePage(page);
    await writeFile(file, generated);
  }
}
