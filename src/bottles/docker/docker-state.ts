import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BottlePaths } from '../directory.ts';

/** `docker.json` in the bottle's directory: what the Engine cannot be asked for. */
export interface DockerState {
  /** The Engine's socket, for the supervisor. */
  readonly socket: string;
  /** The image that the next run starts from: a name, or the digest of one that is frozen. */
  readonly image: string;
  /** Whether that image is the bottle's own, made at a freeze. */
  readonly frozen: boolean;
}

/** Whole or not at all. */
export async function writeDockerState(paths: BottlePaths, state: DockerState): Promise<void> {
  const draft = `${pathOf(paths)}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(state)}\n`, { mode: 0o600, flush: true });
  await rename(draft, pathOf(paths));
}

/** Undefined in a bottle that was never prepared. */
export function readDockerState(paths: BottlePaths): DockerState | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(paths), 'utf8')) as DockerState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function pathOf({ root }: BottlePaths): string {
  return join(root, 'docker.json');
}
