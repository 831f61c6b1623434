import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, rename, rm, writeFile } from 'node:fs/promises';
import type { BackendName } from '../domain/bottle.ts';
import type { BottlePaths } from './directory.ts';

/** `bottle.json`: what never changes in a bottle's life. */
export interface BottleManifest {
  readonly version: 1;
  readonly slug: string;
  readonly workflowId: string;
  readonly backend: BackendName;
  /** The user that the bottle's processes are on the host; undefined where it is the orchestrator's own. */
  readonly uid?: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** Writes `bottle.json`, whole or not at all; the one that was there first stays. */
export async function writeManifest(paths: BottlePaths, manifest: BottleManifest): Promise<void> {
  const draft = await writeDraft(paths, manifest);
  try {
    await link(draft, paths.manifest);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Writes `bottle.json`, whole or not at all, over the one that was there. */
export async function replaceManifest(paths: BottlePaths, manifest: BottleManifest): Promise<void> {
  await rename(await writeDraft(paths, manifest), paths.manifest);
}

async function writeDraft(paths: BottlePaths, manifest: BottleManifest): Promise<string> {
  const draft = `${paths.manifest}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(manifest)}\n`, { mode: 0o600, flush: true });
  return draft;
}

/** Undefined when it is missing or unreadable, as in a bottle whose making or removal was cut short. */
export function readManifest(paths: BottlePaths): BottleManifest | undefined {
  try {
    return JSON.parse(readFileSync(paths.manifest, 'utf8')) as BottleManifest;
  } catch {
    return undefined;
  }
}
