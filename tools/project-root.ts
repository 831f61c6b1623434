import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The project's root folder, found from the sources and from `dist` alike. */
export function findProjectRoot(from: string = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (
      existsSync(file) &&
      readFileSync(file, 'utf8').includes('"name": "bot-bottle-orchestrator"')
    ) {
      return folder;
    }
    if (folder === dirname(folder)) {
      throw new Error(`no package.json of bot-bottle-orchestrator at or above ${from}`);
    }
  }
}
