import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BackendName } from '../domain/bottle.ts';
import { type BottlePaths, runPaths } from './directory.ts';
import type { SandboxRequest } from './host.ts';
import type { LaunchFile } from './launch-file.ts';
import { replaceManifest } from './manifest.ts';
import type { SocketPaths } from './sockets.ts';
import { passUid } from './uid.ts';

/** The run that a spare sandbox can be of: further ones go on with the state of the one before. */
export const firstRun = 1;

/** A supervisor that waits for a run, with a directory and sockets like a bottle's. */
export interface Spare {
  readonly supervisor: ChildProcess;
  readonly paths: BottlePaths;
  readonly sockets: SocketPaths;
  /** Where what it has to say is written to. */
  readonly log: string;
  readonly uid: number | undefined;
  /** Of the sandbox that waits with it; undefined: there is none. */
  readonly backend: BackendName | undefined;
}

/** What its supervisor is told to start the sandbox with. */
export interface SpareOrder {
  readonly backend: BackendName;
  readonly paths: BottlePaths;
  readonly sockets: SocketPaths;
  readonly runtimeDirectory: string;
  readonly promptFile: string;
}

/** The file that says that its sandbox is up: until then it is made from the directory that would be renamed. */
export function readyMark(sockets: SocketPaths): string {
  return join(sockets.run, 'ready');
}

/** Whether its sandbox is up, and what a run needs whose bottle is not there yet. */
export function isMadeFor(spare: Spare, { backend, run, tools = [] }: SandboxRequest): boolean {
  const isOfItsKind = spare.backend === backend && run === firstRun && tools.length === 0;
  return isOfItsKind && existsSync(readyMark(spare.sockets));
}

/**
 * Makes its directory that of a bottle which is not there yet, whole or not at all. What is mounted from it follows, and
 * the sockets stay where they are.
 * @param paths the bottle's
 */
export async function becomeBottle(
  { paths: own, uid }: Spare,
  paths: BottlePaths,
  launch: LaunchFile,
): Promise<void> {
  const { slug, workflowId, backend } = launch.sandbox;
  const manifest = { version: 1, slug, workflowId, backend } as const;
  if (uid !== undefined) passUid(launch.dataDirectory, uid, slug);
  await Promise.all([
    replaceManifest(own, {
      ...manifest,
      ...(uid === undefined ? {} : { uid }),
      createdAt: Date.now(),
    }),
    writeFile(runPaths(own.runs, firstRun).launch, JSON.stringify(launch), { mode: 0o600 }),
    mkdir(dirname(paths.root), { recursive: true, mode: 0o700 }),
  ]);
  await rename(own.root, paths.root);
}
