import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { BottlePaths } from './directory.ts';
import {
  type HostContext,
  type HostPlaces,
  pathsOf,
  socketsOf,
  withBottle,
} from './host-context.ts';
import { readManifest } from './manifest.ts';
import { listLivingRuns } from './run-state.ts';
import { stopRun } from './stop.ts';
import { systemEnvironment } from './system.ts';
import { releaseUid } from './uid.ts';

const exitMs = 60_000;
const removal = { recursive: true, force: true };

/** `BottleHost.destroy`. The tombstone comes first: what is launched after it gives up by itself. */
export async function destroyBottle(host: HostContext, slug: string): Promise<void> {
  const paths = pathsOf(host, slug);
  await mkdir(dirname(paths.tombstone), { recursive: true, mode: 0o700 });
  await writeFile(paths.tombstone, '', { flush: true });
  for (const run of await listLivingRuns(paths.runs))
    await stopRun(host, { slug, run }, 'cancelled');
  await waitForSupervisors(paths);
  await withBottle(host, slug, async () => {
    const backend = readManifest(paths)?.backend;
    if (backend !== undefined && !host.backends.has(backend)) {
      throw new Error(
        `the backend ${backend} of the bottle ${slug} does not work here now: what it made cannot be removed`,
      );
    }
    for (const candidate of host.backends.values()) {
      if (backend === undefined || backend === candidate.name) await candidate.destroy(paths);
    }
    // Before the runs are archived: they say where their sockets are.
    for (const root of await socketRootsOf(host, slug)) await rm(root, removal);
    await archiveRuns(paths);
    await removeTree(paths.root);
    releaseUid(host.dataDirectory, slug);
  });
  if (existsSync(paths.root))
    throw new Error(`something of the bottle ${slug} came back: ${paths.root}`);
}

/** The directories that the bottle's runs had their sockets in. */
export async function socketRootsOf(host: HostPlaces, slug: string): Promise<Set<string>> {
  const names = await readdir(pathsOf(host, slug).runs).catch(() => []);
  return new Set(names.map((name) => socketsOf(host, { slug, run: Number(name) }).root));
}

/** Resolves when no supervisor of the bottle lives: one that has sealed its journal needs a moment to end. */
export async function waitForSupervisors(paths: BottlePaths): Promise<void> {
  const end = Date.now() + exitMs;
  for (;;) {
    const living = await listLivingRuns(paths.runs);
    if (living.length === 0) return;
    if (Date.now() > end) throw new Error(`run ${living.join(', ')} of ${paths.slug} still lives`);
    await delay(10);
  }
}

/** One by one, since an attempt before this one may have been cut short. */
async function archiveRuns({ runs, archive }: BottlePaths): Promise<void> {
  const names = await readdir(runs).catch(() => []);
  if (names.length > 0) await mkdir(archive, { recursive: true, mode: 0o700 });
  for (const name of names) await rename(join(runs, name), join(archive, name));
}

/**
 * Removes what an agent may have made hard to remove: directories that may not be written, and paths longer than the
 * system takes. Node's own `rm` does neither.
 */
async function removeTree(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const run = promisify(execFile);
  const options = { env: systemEnvironment };
  if (process.getuid?.() !== 0) await run('chmod', ['-R', 'u+rwX', path], options).catch(() => {});
  await run('rm', ['-rf', '--', path], options);
}
