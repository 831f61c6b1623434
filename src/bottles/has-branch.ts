import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Whether a bare repository of ours has a branch: git keeps it in a file of its own or among the packed ones. Starting git to ask
 * takes longer than all else that a launch waits for at that moment.
 * @see https://git-scm.com/docs/gitrepository-layout
 */
export function hasBranch(repository: string, branch: string): boolean {
  const ref = `refs/heads/${branch}`;
  if (statSync(join(repository, ref), { throwIfNoEntry: false })?.isFile() === true) return true;
  return readPackedRefs(repository).includes(` ${ref}\n`);
}

function readPackedRefs(repository: string): string {
  try {
    return readFileSync(join(repository, 'packed-refs'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
