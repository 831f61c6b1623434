import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { git } from './agent-programs.ts';

/**
 * Which tasks are done. Kept in the home for those that changed nothing, and in the commits for those that did: a commit
 * and the note that it is made cannot be torn apart, and it is there in a fresh bottle on the same branch.
 */
export interface DemoMemory {
  has(digest: string): boolean;
  /** On disk when it resolves. */
  add(digests: readonly string[]): Promise<void>;
}

const trailer = 'Demo-Task';

export async function openMemory(home: string): Promise<DemoMemory> {
  const file = join(home, '.demo-agent.json');
  const kept = await readFile(file, 'utf8').then(
    (text) => JSON.parse(text) as string[],
    () => [],
  );
  const committed = await committedDigests();
  const done = new Set([...kept, ...committed]);
  return {
    has: (digest) => done.has(digest),
    async add(digests) {
      for (const digest of digests) {
        done.add(digest);
      }
      await writeFile(`${file}.new`, JSON.stringify([...done]));
      await rename(`${file}.new`, file);
    },
  };
}

/** Those of the branch itself: what was merged belongs to an earlier life of the issue. */
async function committedDigests(): Promise<string[]> {
  const branch = await git(['branch', '--show-current']);
  const others = ['--not', `--exclude=origin/${branch}`, '--remotes'];
  const format = `--format=%(trailers:key=${trailer},valueonly)`;
  try {
    return (await git(['log', format, 'HEAD', ...others])).split(/\s+/);
  } catch {
    // Nothing is committed in an empty repository.
    return [];
  }
}

/** The lines that end the message of a commit which does these tasks. */
export function commitTrailers(digests: readonly string[]): string {
  return digests.map((digest) => `${trailer}: ${digest}`).join('\n');
}
