import { createBackend } from '../bottles/registry.ts';
import { readLaunchFile } from '../bottles/launch-file.ts';
import { createForge } from '../forges/registry.ts';
import { supervise } from './supervise.ts';

/** The supervisor program: `node supervisor.mjs <launch file>`. Owns one run of one bottle, and ends with it. */
const launchFile = process.argv[2];
if (launchFile === undefined) throw new Error('usage: supervisor <launch file>');

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
