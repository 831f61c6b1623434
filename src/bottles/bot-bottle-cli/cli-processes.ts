import type { BottlePaths } from '../directory.ts';
import { findProcesses, killUntilGone, readProcess } from '../processes.ts';

/**
 * Kills the CLI of a bottle and all that it started on the host, which have the bottle's queue in their environment, and waits
 * until they are gone.
 * @throws Error when some do not go
 */
export async function killCliProcesses({ slug, runs }: BottlePaths): Promise<void> {
  const mark = `\0FORGE_QUEUE_DIR=${runs}/`;
  const isOurs = (pid: number): boolean => `\0${readProcess(pid, 'environ')}`.includes(mark);
  await killUntilGone(slug, () => findProcesses(isOurs));
}
