import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { RunEnd, StopReason } from '../domain/run.ts';
import type { ProcessIdentity } from '../journal/format.ts';
import { readJournal } from '../journal/reader.ts';
import { type KnownRun, sealJournal } from '../journal/seal.ts';
import { ControlClient, ControlError } from './control-client.ts';
import { runPaths } from './directory.ts';
import { type HostContext, pathsOf, runPathsOf, socketsOf, withBottle } from './host-context.ts';
import type { RunKey } from './host.ts';
import { isAlive } from './liveness.ts';
import { freezeBottle } from './freeze.ts';
import { readRunState, waitForDeath } from './run-state.ts';

/** Beyond the time to TERM and KILL the agent: for calls to the forge to be answered, and for the disk. */
const sealMs = 60_000;
/** A supervisor that lives listens before this is over. */
const listenMs = 5_000;

/** `BottleHost.stop`. */
export async function stopRun(host: HostContext, run: RunKey, reason: StopReason): Promise<RunEnd> {
  for (;;) {
    const state = await withBottle(host, run.slug, async () => {
      if (
        existsSync(pathsOf(host, run.slug).tombstone) &&
        !existsSync(runPathsOf(host, run).journal)
      ) {
        return { end: await endOfDestroyed(host, run) };
      }
      const found = await readRunState(runPathsOf(host, run).journal);
      if (found.state === 'ended') return { end: found.end };
      if (found.state === 'alive') return { supervisor: found.supervisor };
      return { end: await sealRun(host, run) };
    });
    if (state.end !== undefined) return state.end;
    if (state.supervisor !== undefined) await stopSupervisor(host, run, state.supervisor, reason);
  }
}

/**
 * Seals a run that has no living supervisor, after ending what it may have left behind. The caller holds the slug's lock.
 * @returns undefined when a supervisor has claimed the run meanwhile: one that was started may be too young to be seen
 */
export async function sealRun(host: HostContext, run: RunKey): Promise<RunEnd | undefined> {
  const { root, journal } = runPathsOf(host, run);
  await freezeBottle(host, run.slug);
  await mkdir(root, { recursive: true, mode: 0o700 });
  return await sealJournal(journal, { slug: run.slug, run: run.run }, endOfDead);
}

function endOfDead({ supervisor, startedAt, done }: KnownRun): RunEnd | undefined {
  if (supervisor !== undefined && isAlive(supervisor)) return undefined;
  const endedAt = Date.now();
  if (startedAt === undefined) return { outcome: 'cancelled', endedAt };
  const reason = 'the supervisor died';
  return done === undefined
    ? { outcome: 'lost', reason, startedAt, endedAt }
    : { outcome: 'done', done, reason: `${reason} after the agent was done`, startedAt, endedAt };
}

/** Resolves when the supervisor is dead. One that is told to stop seals its journal first. */
async function stopSupervisor(
  host: HostContext,
  run: RunKey,
  supervisor: ProcessIdentity,
  reason: StopReason,
): Promise<void> {
  if (await tellToStop(socketsOf(host, run).control, supervisor, reason)) {
    if (await waitForDeath(supervisor, host.timing.afterTerm + sealMs)) return;
  }
  // It does not listen. Its agent dies with it.
  signal(supervisor, 'SIGTERM');
  if (await waitForDeath(supervisor, host.timing.afterTerm)) return;
  signal(supervisor, 'SIGKILL');
  if (!(await waitForDeath(supervisor, sealMs))) {
    throw new Error(`the supervisor of ${run.slug} (process ${supervisor.pid}) cannot be killed`);
  }
}

/** False when it cannot be told. */
async function tellToStop(
  socket: string,
  supervisor: ProcessIdentity,
  reason: StopReason,
): Promise<boolean> {
  const end = Date.now() + listenMs;
  while (Date.now() < end && isAlive(supervisor)) {
    try {
      using control = await ControlClient.connect(socket, supervisor.nonce);
      await control.send({ type: 'stop', reason });
      return true;
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      // It may be so young that it does not listen yet.
      await waitForDeath(supervisor, 50);
    }
  }
  return !isAlive(supervisor);
}

async function endOfDestroyed(host: HostContext, run: RunKey): Promise<RunEnd> {
  const archived = await readJournal(runPaths(pathsOf(host, run.slug).archive, run.run).journal);
  return (
    archived?.end ?? {
      outcome: 'cancelled',
      reason: 'the bottle was destroyed',
      endedAt: Date.now(),
    }
  );
}

function signal(process_: ProcessIdentity, name: NodeJS.Signals): void {
  if (isAlive(process_)) process.kill(process_.pid, name);
}
