import { createBackend } from '../bottles/registry.ts';
import { readLaunchFile } from '../bottles/launch-file.ts';
import { onLines } from '../bottles/lines.ts';
import type { SupervisorOrder } from '../bottles/supervisor-process.ts';
import { createForge } from '../forges/registry.ts';
import { prepareSpare, type ReadySpare } from './spare.ts';
import { supervise } from './supervise.ts';

/**
 * The supervisor program. Waits on its stdin for a run of one bottle, which it owns from then on, and ends with it. When
 * nobody has a run for it any more it ends at once, and the sandbox that it may have ready with it.
 */
async function main(): Promise<void> {
  let spare: Promise<ReadySpare | undefined> | undefined;
  const launchFile = Promise.withResolvers<string | undefined>();
  onLines(process.stdin, (line) => {
    const order = JSON.parse(line) as SupervisorOrder;
    if (order.type === 'launch') launchFile.resolve(order.file);
    else spare = prepareSpare(createBackend(order.spare.backend), order.spare);
  });
  process.stdin.once('end', () => launchFile.resolve(undefined));
  const file = await launchFile.promise;
  if (file !== undefined) await live(file, await spare);
}

async function live(launchFile: string, spare: ReadySpare | undefined): Promise<void> {
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
    spare,
    createForge: ({ repository }, { apiUrl, token }) =>
      createForge('gitea', { apiUrl, token, host: repository.forgeHost }),
    terminated: terminated.signal,
  });
}

void main().then(() => process.exit());
