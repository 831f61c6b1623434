import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readOutputLog } from '../journal/output-log.ts';
import { readJournal } from '../journal/reader.ts';
import type { BackendName } from '../domain/bottle.ts';
import type { RunProbe } from '../domain/run.ts';
import { archiveKeptMs, removeOldArchives } from './archive.ts';
import type { BottleBackend } from './backend.ts';
import { destroyBottle, waitForSupervisors } from './destroy.ts';
import { runPaths } from './directory.ts';
import { freezeBottle } from './freeze.ts';
import { type HostContext, pathsOf, runPathsOf } from './host-context.ts';
import type { BottleHost, BottleListing, RunKey } from './host.ts';
import { KeyedLock } from './keyed-lock.ts';
import { type SupervisorTiming, supervisorTiming } from './launch-file.ts';
import { launchRun } from './launch.ts';
import { readManifest } from './manifest.ts';
import { Mirrors } from './mirror.ts';
import { listLivingRuns, readRunState } from './run-state.ts';
import { stopRun } from './stop.ts';
import type { Spares } from './spares.ts';
import { watchRun } from './watch.ts';

export interface SupervisedHostOptions {
  /** Locked by this process: see `lockDataDirectory`. */
  readonly dataDirectory: string;
  /** See `makeSocketBase`. */
  readonly socketBase: string;
  /** See `installRuntime`. */
  readonly runtimeDirectory: string;
  /** Those that work on this machine. */
  readonly backends: ReadonlyMap<BackendName, BottleBackend>;
  /** See `readHostId`. */
  readonly hostId: string;
  readonly timing?: SupervisorTiming;
  /** To be disposed of by whoever made it. Without it each launch starts its own. */
  readonly spares?: Spares;
}

/** Bottles that are each run by a supervisor of their own, which outlives this process. */
export function createSupervisedHost(options: SupervisedHostOptions): BottleHost {
  const host: HostContext = {
    dataDirectory: options.dataDirectory,
    socketBase: options.socketBase,
    runtimeDirectory: options.runtimeDirectory,
    backends: options.backends,
    timing: options.timing ?? supervisorTiming,
    mirrors: new Mirrors(options.dataDirectory),
    spares: options.spares,
  };
  const launches = new KeyedLock();
  return {
    hostId: options.hostId,
    async countLiving() {
      const bottles = await listBottles(host);
      return bottles.filter(({ livingRun }) => livingRun !== undefined).length;
    },
    launch(sandbox, order, signal) {
      // It may come to nothing before anybody waits for it.
      order.source.catch(() => {});
      order.request.catch(() => {});
      return launches.run(`${sandbox.slug}/${sandbox.run}`, () =>
        launchRun(host, sandbox, order, signal),
      );
    },
    watch: (run, credentials, observer, signal) =>
      watchRun(host, run, credentials, observer, signal),
    stop: (run, reason) => stopRun(host, run, reason),
    begunAt: async (run) => (await readJournal(runPathsOf(host, run).journal))?.startingAt,
    probe: (run) => probeRun(host, run),
    async freeze(slug) {
      await waitForSupervisors(pathsOf(host, slug));
      await freezeBottle(host, slug);
    },
    destroy: (slug) => destroyBottle(host, slug),
    removeExpired: () => removeOldArchives(host.dataDirectory, archiveKeptMs),
    list: () => listBottles(host),
    readOutput: (run, { follow, signal }) => readOutput(host, run, follow, signal),
  };
}

async function listBottles(host: HostContext): Promise<BottleListing[]> {
  const slugs = await readdir(dirname(pathsOf(host, 'any').root)).catch(() => []);
  return await Promise.all(
    slugs.map(async (slug) => {
      const paths = pathsOf(host, slug);
      const living = await listLivingRuns(paths.runs);
      return { slug, workflowId: readManifest(paths)?.workflowId, livingRun: living.at(-1) };
    }),
  );
}

async function probeRun(host: HostContext, run: RunKey): Promise<RunProbe> {
  const { journal, checkin } = runPathsOf(host, run);
  const found = await readRunState(journal);
  switch (found.state) {
    case 'absent':
    case 'dead':
      return { state: found.state };
    case 'ended':
      return { state: 'ended', end: found.end };
    case 'alive': {
      const touchedAt = await stat(checkin).then(
        ({ mtimeMs }) => Math.round(mtimeMs),
        () => found.claimedAt,
      );
      return { state: 'alive', lastCheckinAt: touchedAt };
    }
  }
}

function readOutput(
  host: HostContext,
  run: RunKey,
  follow: boolean,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const live = runPathsOf(host, run);
  const archived = runPaths(pathsOf(host, run.slug).archive, run.run);
  const { output, journal } = existsSync(live.root) ? live : archived;
  const hasEnded = async (): Promise<boolean> =>
    !follow || ['ended', 'absent'].includes((await readRunState(journal)).state);
  return readOutputLog(output, hasEnded, signal);
}
