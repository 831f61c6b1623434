import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { inside } from '../directory.ts';
import { isAlivePid } from '../liveness.ts';

/**
 * The processes inside a bottle, its first one included: those that see the bottle's working copy mounted at `/work`.
 * Processes cannot leave that mount namespace, so none is missed, however it was forked.
 */
export function listSandboxProcesses(slug: string): number[] {
  const mark = `/bottles/${slug}/work ${inside.work} `;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && readMounts(pid).includes(mark) && isAlivePid(pid));
}

/**
 * Kills all processes inside a bottle and waits until they are gone.
 * @throws Error when some do not go, e.g. while a file system hangs
 */
export async function killSandboxProcesses(slug: string, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const pids = listSandboxProcesses(slug);
    if (pids.length === 0) return;
    if (Date.now() > end) {
      throw new Error(`processes ${pids.join(', ')} of bottle ${slug} do not end`);
    }
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
    await delay(5);
  }
}

/** Signals a process that may be gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readMounts(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
  } catch {
    return '';
  }
}
