import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BottlePaths } from '../directory.ts';
import { type CliBottle, type CliState, writeCliState } from './cli-state.ts';

/**
 * The CLI's bottle of this bottle: as it was seen before, else found in the CLI's own state by the label that every start
 * gives it, and then written down. Undefined while there is none.
 */
export async function settleBottle(
  paths: BottlePaths,
  state: CliState,
): Promise<CliBottle | undefined> {
  if (state.bottle !== undefined) return state.bottle;
  const bottle = await findBottle(state.settings.home, paths.slug);
  if (bottle !== undefined) await writeCliState(paths, { ...state, bottle });
  return bottle;
}

/** Looks through `~/.bot-bottle/state/<slug>/metadata.json`. The label is unique: it is our own slug. */
export async function findBottle(home: string, label: string): Promise<CliBottle | undefined> {
  const directory = join(home, '.bot-bottle', 'state');
  for (const slug of await readdir(directory).catch(() => [])) {
    const metadata = await readMetadata(join(directory, slug, 'metadata.json'));
    if (metadata?.['label'] !== label) continue;
    const { identity, backend } = metadata;
    return {
      slug: typeof identity === 'string' && identity !== '' ? identity : slug,
      engine: typeof backend === 'string' && backend !== '' ? backend : 'docker',
    };
  }
  return undefined;
}

/** Undefined where there is none, or one that is being written. */
async function readMetadata(path: string): Promise<Record<string, unknown> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
