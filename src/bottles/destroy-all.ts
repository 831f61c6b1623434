import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lockDataDirectory } from './data-lock.ts';
import { socketRootsOf } from './destroy.ts';
import { newSocketsOf } from './host-context.ts';
import { type BackendSettings, findBackends, usableBackends } from './registry.ts';
import { makeSocketBase } from './sockets.ts';
import { createSupervisedHost } from './supervised-host.ts';

/**
 * Destroys every bottle of a data directory that is about to be thrown away, running ones too, and the directories of
 * their sockets. Idempotent.
 * @throws DataDirectoryLockedError while an orchestrator works in it
 */
export async function destroyAllBottles(
  dataDirectory: string,
  settings: BackendSettings = {},
): Promise<void> {
  using _lock = await lockDataDirectory(dataDirectory);
  const places = { dataDirectory, socketBase: makeSocketBase(process.getuid?.() ?? 0, undefined) };
  const host = createSupervisedHost({
    ...places,
    hostId: 'none',
    // Nothing is launched here.
    runtimeDirectory: '',
    backends: usableBackends(await findBackends(settings)),
  });
  const slugs = (await host.list()).map(({ slug }) => slug);
  const used = await Promise.all(slugs.map((slug) => socketRootsOf(places, slug)));
  await Promise.all(slugs.map((slug) => host.destroy(slug)));
  // Also that of bottles which were destroyed before.
  const usual = newSocketsOf(places, { slug: '', run: 0 }).root;
  for (const root of [usual, ...used.flatMap((roots) => [...roots])]) {
    await rm(dirname(root), { recursive: true, force: true });
  }
}
