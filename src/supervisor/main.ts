import { readFileSync } from 'node:fs';
import { createBackend } from '../bottles/registry.ts';
import { readLaunchFile } from '../bottles/launch-file.ts';
import { createForge } from '../forges/registry.ts';
import { supervise } from './supervise.ts';

/**
 * The supervisor program. Waits on its stdin for the path of a launch file; then it owns that run of one bottle, and ends
 * with it. Nobody has a run for it any more: it ends at once.
 */
async function main(): Promise<void> {
  const launchFile = readFileSync(0, 'utf8');
  if (launchFile === '') return;
  // It outlives whoever started it, and the terminal it was started from.
  process.on('SIGHUP', () => {});
  process.on('SIGINT', () => {});
  const terminated = new AbortController();
  process.once('SIGTERM', () => terminated.abort());

  const file = readLaunchFile(launchFile);
  // For whoever looks at the machine's processes.
  process.title = `${process.argv[1]} ${file.sandbox.slug}/${file.sandbox.run}`;
  await supervise(file, {
    backend: createBackend(file.sandbox.backend),
    createForge: ({ repository }, { apiUrl, token }) =>
      createForge('gitea', { apiUrl, token, host: repository.forgeHost }),
    terminated: terminated.signal,
  });
  process.exit();
}

void main();
