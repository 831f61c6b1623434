import { statSync } from 'node:fs';
import { inside } from '../directory.ts';
import { findProcesses, killUntilGone, readProcess } from '../processes.ts';

/**
 * The processes inside a bottle, its first one included: those that see the bottle's working copy mounted at `/work`.
 * Processes cannot leave that mount namespace, so none is missed, however it was forked.
 */
export function listSandboxProcesses(slug: string): number[] {
  const mark = `/${slug}/work ${inside.work} `;
  return findProcesses((pid) => readProcess(pid, 'mountinfo').includes(mark));
}

/**
 * Sandboxes of a bottle that were never finished. bubblewrap asks to die with its parent only after it has started its own
 * child: one whose parent is killed before that waits for ever, outside of all mounts.
 */
function listUnfinished(slug: string, uid: number | undefined): number[] {
  return findProcesses((pid) => {
    const command = readProcess(pid, 'cmdline');
    if (!command.startsWith('bwrap\0')) return false;
    // Where a bottle has a user of its own, its mounts are staged and do not name it.
    return command.includes(`/${slug}/work\0`) || isOfUser(pid, uid);
  });
}

/**
 * Kills all processes inside a bottle, and what was to become one, and waits until they are gone.
 * @param uid the bottle's own user, if it has one
 * @throws Error when some do not go, e.g. while a file system hangs
 */
export async function killSandboxProcesses(slug: string, uid: number | undefined): Promise<void> {
  await killUntilGone(slug, () => [...listSandboxProcesses(slug), ...listUnfinished(slug, uid)]);
}

function isOfUser(pid: number, uid: number | undefined): boolean {
  return uid !== undefined && statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid;
}
