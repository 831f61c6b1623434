import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlivePid } from './liveness.ts';

/** Living processes of this machine that are as asked for. */
export function findProcesses(isWanted: (pid: number) => boolean): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isWanted(pid) && isAlivePid(pid));
}

/** A file of `/proc/<pid>`. Empty when the process has ended, or is not ours to look at. */
export function readProcess(pid: number, file: 'cmdline' | 'environ' | 'mountinfo'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
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

/**
 * Kills processes until none is found any more.
 * @param slug of the bottle that they belong to, for the error
 * @throws Error when some do not go, e.g. while a file system hangs
 */
export async function killUntilGone(
  slug: string,
  find: () => readonly number[],
  timeoutMs = 10_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const pids = find();
    if (pids.length === 0) return;
    if (Date.now() > end) {
      throw new Error(`processes ${pids.join(', ')} of bottle ${slug} do not end`);
    }
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
    await delay(5);
  }
}
