import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lockDataDirectory } from './data-lock.ts';
import { createBackend } from './registry.ts';
import { makeSocketBase, socketPaths } from './sockets.ts';
import { createSupervisedHost } from './supervised-host.ts';

/**
 * Destroys every bottle of a data directory that is about to be thrown away, running ones too, and the directory of its
 * sockets. Idempotent.
 * @param runtimeDirectory what its orchestrator had as `XDG_RUNTIME_DIR`
 * @throws DataDirectoryLockedError while an orchestrator works in it
 */
export async function destroyAllBottles(
  dataDirectory: string,
  runtimeDirectory: string | undefined,
): Promise<void> {
  using _lock = await lockDataDirectory(dataDirectory);
  const backend = createBackend('local');
  const socketBase = makeSocketBase(process.getuid?.() ?? 0, runtimeDirectory);
  const host = createSupervisedHost({
    dataDirectory,
    hostId: 'none',
    socketBase,
    // Nothing is launched here.
    runtimeDirectory: '',
    backends: new Map([[backend.name, backend]]),
  });
  await Promise.all((await host.list()).map(({ slug }) => host.destroy(slug)));
  const { root } = socketPaths(socketBase, dataDirectory, { slug: '', run: 0 });
  await rm(dirname(root), { recursive: true, force: true });
}
