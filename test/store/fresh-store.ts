import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { IssueRef } from '../../src/domain/issue.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';

/** Path of a database that does not exist yet, in a directory that goes with the test. */
export function freshPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'store-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'orchestrator.db');
}

/** A store on a real file, closed and removed after the test. */
export async function freshStore(path: string = freshPath()): Promise<Store> {
  const store = await openStore(path);
  onTestFinished(() => store.close());
  return store;
}

export const widgets = {
  forgeHost: 'gitea.example',
  id: 1,
  owner: 'acme',
  name: 'widgets',
} as const;

export function issueOf(number: number): IssueRef {
  return { repository: widgets, number };
}
