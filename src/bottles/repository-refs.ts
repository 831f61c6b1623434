import { readFileSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Refs } from './advertised-refs.ts';

/*
 * Refs of a bare repository of ours, from its files: each has one of its own, or is among the packed ones. Starting git to
 * ask takes longer than all else that a launch waits for at that moment.
 * See https://git-scm.com/docs/gitrepository-layout
 */

export function hasBranch(repository: string, branch: string): boolean {
  const ref = `refs/heads/${branch}`;
  if (statSync(join(repository, ref), { throwIfNoEntry: false })?.isFile() === true) return true;
  return readPackedRefs(repository).includes(` ${ref}\n`);
}

/**
 * The branches and tags.
 * @returns undefined when one cannot be read, because it is written at this moment, say
 */
export async function readRefs(repository: string): Promise<Refs | undefined> {
  // Those of their own come first, also in time: one that is packed meanwhile is found among the others.
  const loose = await Promise.all(
    ['refs/heads', 'refs/tags'].map((directory) => readLooseRefs(repository, directory)),
  );
  const refs = new Map<string, string>();
  for (const line of readPackedRefs(repository).split('\n')) {
    const [, id, name] = /^([0-9a-f]{40,64}) (refs\/(?:heads|tags)\/.+)$/.exec(line) ?? [];
    if (id !== undefined && name !== undefined) refs.set(name, id);
  }
  for (const [name, content] of loose.flat()) {
    const id = /^([0-9a-f]{40,64})\n$/.exec(content)?.[1];
    if (id === undefined) return undefined;
    refs.set(name, id);
  }
  return refs;
}

async function readLooseRefs(
  repository: string,
  directory: string,
): Promise<(readonly [string, string])[]> {
  const entries = await readdir(join(repository, directory), {
    recursive: true,
    withFileTypes: true,
  });
  return await Promise.all(
    entries
      // No ref's name ends so: that is git's lock on one.
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        const content = await readFile(path, 'utf8').catch(() => '');
        return [relative(repository, path), content] as const;
      }),
  );
}

function readPackedRefs(repository: string): string {
  try {
    return readFileSync(join(repository, 'packed-refs'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
