import { createBackend } from '../bottles/registry.ts';
import { readLaunchFile } from '../bottles/launch-file.ts';
import { createForge } from '../forges/registry.ts';
import { supervise } from './supervise.ts';

/** The supervisor program: `node supervisor.cjs <launch file>`. Owns one run of one bottle, and ends with it. */
async function main(launchFile: string): Promise<void> {
  // It outlives whoever started it, and the terminal it was started from.
  process.on('SIGHUP', () => {});
  process.on('SIGINT', () => {});
  const terminated = new AbortController();
  process.once('SIGTERM', () => terminated.abort());

  const file = readLaunchFile(launchFile);
  const { repository, backend } = file.request;
  await supervise(file, {
    backend: createBackend(backend),
    createForge: ({ apiUrl, token }) =>
      createForge('gitea', { apiUrl, token, host: repository.forgeHost }),
    terminated: terminated.signal,
  });
  process.exit();
}

void main(process.argv[2] ?? '');
