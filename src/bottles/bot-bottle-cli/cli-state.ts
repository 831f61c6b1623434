import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BottlePaths } from '../directory.ts';

/** Where the CLI is, and what it finds its own files and programs by. */
export interface CliSettings {
  /** What `BOT_BOTTLE_CLI` says: a name on the path, or a file. */
  readonly program: string;
  /** `PATH` of the orchestrator: the CLI calls docker, git and others. */
  readonly path: string;
  /** `HOME` of the orchestrator: the CLI keeps its state below it. */
  readonly home: string;
}

/** A bottle as the CLI knows it. */
export interface CliBottle {
  /** The CLI's own slug, which is not ours. */
  readonly slug: string;
  readonly engine: string;
}

/** `bot-bottle.json` in the bottle's directory. */
export interface CliState {
  readonly settings: CliSettings;
  /** Undefined until the CLI is seen to have made one. */
  readonly bottle?: CliBottle;
  /** Nothing has run since the last commit. */
  readonly frozen: boolean;
}

/** Whole or not at all. */
export async function writeCliState(paths: BottlePaths, state: CliState): Promise<void> {
  const draft = `${pathOf(paths)}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(state)}\n`, { mode: 0o600, flush: true });
  await rename(draft, pathOf(paths));
}

/** Undefined in a bottle that was never prepared. */
export function readCliState(paths: BottlePaths): CliState | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(paths), 'utf8')) as CliState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function pathOf({ root }: BottlePaths): string {
  return join(root, 'bot-bottle.json');
}
