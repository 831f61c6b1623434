import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { BottlePaths } from '../directory.ts';
import { isAlivePid } from '../liveness.ts';

/** The CLI of a bottle and all that it started on the host: they have the bottle's queue in their environment. */
export function listCliProcesses({ runs }: BottlePaths): number[] {
  const mark = `\0FORGE_QUEUE_DIR=${runs}/`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && `\0${readEnvironment(pid)}`.includes(mark) && isAlivePid(pid));
}

/**
 * Kills them and waits until they are gone.
 * @throws Error when some do not go
 */
export async function killCliProcesses(paths: BottlePaths, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const pids = listCliProcesses(paths);
    if (pids.length === 0) return;
    if (Date.now() > end) {
      throw new Error(`processes ${pids.join(', ')} of bottle ${paths.slug} do not end`);
    }
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
    await delay(5);
  }
}

/** @param pid of a process, or negative of a group; it may be gone already */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}
