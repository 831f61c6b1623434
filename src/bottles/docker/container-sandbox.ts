import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { RunningSandbox, Sandbox, SandboxExit } from '../backend.ts';
import { launcherSocketName } from './container-protocol.ts';
import { containerName } from './container-options.ts';
import { Container } from './container.ts';
import { readDockerState } from './docker-state.ts';
import { LauncherLink } from './launcher-link.ts';

/**
 * Takes the container that was created for a run, and starts it unless that has begun. From the launcher's first word on the Engine is not needed until the end: messages
 * and output come over the bottle's own socket, so that a daemon that is restarted interrupts nothing.
 *
 * The container is no child of this process. The launcher ends it as soon as its connection to this process is gone.
 */
export function spawnContainer(sandbox: Sandbox): RunningSandbox {
  const link = new LauncherLink(join(sandbox.socketDirectory, launcherSocketName));
  const container = containerOf(sandbox);
  const started = link.listen().then(() => container.start());
  const drained = Promise.all(
    [link.stdout, link.stderr].map((output) => finished(output, { writable: false })),
  ).then(
    () => {},
    () => {},
  );
  return {
    stdout: link.stdout,
    stderr: link.stderr,
    launcher: link.channel,
    exited: exitOf(container, started, link).then((exit) => ({ ...exit, drained })),
    terminate: () => link.terminate(),
    async kill() {
      link.close();
      await started.catch(() => {});
      await container.end();
    },
  };
}

function containerOf({ paths, request: { run } }: Sandbox): Container {
  const state = readDockerState(paths);
  if (state === undefined) throw new Error('the bottle was not prepared for Docker');
  return new Container(state.socket, containerName(paths, run));
}

async function exitOf(
  container: Container,
  started: Promise<void>,
  link: LauncherLink,
): Promise<Omit<SandboxExit, 'drained'>> {
  try {
    await started;
    const early = container.wait().then(
      () => 'ended' as const,
      // The daemon is away: the launcher comes all the same, or never.
      () => new Promise<never>(() => {}),
    );
    const first = await Promise.race([link.connected, link.ended, early]);
    if (first === 'ended') {
      link.close();
      return await explainEarlyEnd(container);
    }
    const code = await link.ended;
    link.close();
    return code === undefined ? await explainEnd(container) : { code, reason: undefined };
  } catch (error) {
    link.close();
    return { code: undefined, reason: `Docker: ${(error as Error).message}` };
  }
}

/** The launcher did not come to its first word. */
async function explainEarlyEnd(container: Container): Promise<Omit<SandboxExit, 'drained'>> {
  const log = await container.log().catch(() => '');
  const said = log.trim().split('\n').slice(-3).join(' | ');
  const notExecutable =
    /exec .*\/bin\/node failed|\/bin\/node: (not found|error while loading)/.test(said);
  return notExecutable
    ? {
        code: undefined,
        reason: `the image cannot run the bottle's own Node (${said}): use an image with glibc, such as Debian's`,
        retryable: false,
      }
    : { code: undefined, reason: `the container ended at once: ${said}` };
}

async function explainEnd(container: Container): Promise<Omit<SandboxExit, 'drained'>> {
  const reason = (await container.wantedMoreMemory().catch(() => false))
    ? 'the container was ended for want of memory'
    : 'the container was ended from outside';
  return { code: undefined, reason };
}
