import { readdirSync, readFileSync, statSync } from 'node:fs';
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
    .filter((pid) => pid > 0 && readProcess(pid, 'mountinfo').includes(mark) && isAlivePid(pid));
}

/**
 * Sandboxes of a bottle that were never finished. bubblewrap asks to die with its parent only after it has started its own
 * child: one whose parent is killed before that waits for ever, outside of all mounts.
 */
function listUnfinished(slug: string, uid: number | undefined): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const command = pid > 0 ? readProcess(pid, 'cmdline') : '';
      if (!command.startsWith('bwrap\0')) return false;
      // Where a bottle has a user of its own, its mounts are staged and do not name it.
      const isOurs = command.includes(`/bottles/${slug}/work\0`) || isOfUser(pid, uid);
      return isOurs && isAlivePid(pid);
    });
}

/**
 * Kills all processes inside a bottle, and what was to become one, and waits until they are gone.
 * @param uid the bottle's own user, if it has one
 * @throws Error when some do not go, e.g. while a file system hangs
 */
export async function killSandboxProcesses(
  slug: string,
  uid: number | undefined,
  timeoutMs = 10_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const pids = [...listSandboxProcesses(slug), ...listUnfinished(slug, uid)];
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

function isOfUser(pid: number, uid: number | undefined): boolean {
  return uid !== undefined && statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid;
}

/** Empty when the process has ended. */
function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
