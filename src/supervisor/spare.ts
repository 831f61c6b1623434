import { writeFileSync } from 'node:fs';
import type { BottleBackend, SpareSandbox } from '../bottles/backend.ts';
import { makeSocketDirectories, type SocketPaths } from '../bottles/sockets.ts';
import { readyMark, type SpareOrder } from '../bottles/spare.ts';
import { type Door, openDoor } from './door.ts';

/** What a supervisor has ready before it has a run. */
export interface ReadySpare {
  readonly sockets: SocketPaths;
  readonly door: Door;
  readonly sandbox: SpareSandbox;
}

/** @returns undefined when the backend starts no sandboxes ahead of their bottles */
export async function prepareSpare(
  backend: BottleBackend,
  { paths, sockets, runtimeDirectory, promptFile }: SpareOrder,
): Promise<ReadySpare | undefined> {
  makeSocketDirectories(sockets);
  const door = await openDoor(sockets.sidecar);
  const sandbox = backend.spawnSpare?.({
    paths,
    socketDirectory: sockets.mounted,
    runtimeDirectory,
    promptFile,
  });
  void sandbox?.ready.then(() => writeFileSync(readyMark(sockets), ''));
  return sandbox && { sockets, door, sandbox };
}
