import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import { systemEnvironment } from './system.ts';

/**
 * Starts a supervisor that has no run yet: it waits for one on its stdin, and ends when that closes without one. It is in a
 * session of its own, so that neither this process's end nor its terminal's reaches it once it has a run.
 * @param log a file for what it has to say
 */
async function startSupervisor(runtimeDirectory: string, log: string): Promise<ChildProcess> {
  await using file = await open(log, 'w', 0o600);
  const child = spawn(
    join(runtimeDirectory, 'bin', 'node'),
    ['--no-warnings', '--expose-gc', join(runtimeDirectory, 'supervisor.cjs')],
    { detached: true, cwd: '/', env: systemEnvironment, stdio: ['pipe', file.fd, file.fd] },
  );
  // Whoever ends before it is told shows that by its exit.
  const stdin = child.stdin as Socket;
  stdin.on('error', () => {});
  await once(child, 'spawn');
  child.unref();
  stdin.unref();
  return child;
}

/**
 * Supervisors of this host as processes. One is kept waiting where that was asked for: starting Node takes longer than
 * everything else that a launch does on the host.
 */
export class SupervisorProcesses implements Disposable {
  readonly #runtimeDirectory: string;
  readonly #spareLog: string | undefined;
  #spare: Promise<ChildProcess | undefined> = Promise.resolve(undefined);

  /** @param spareLog where a waiting one writes to; undefined: none is kept */
  constructor(runtimeDirectory: string, spareLog: string | undefined) {
    this.#runtimeDirectory = runtimeDirectory;
    this.#spareLog = spareLog;
  }

  /** Has one wait for the next run, if none does. */
  keepSpare(): void {
    const log = this.#spareLog;
    if (log === undefined) return;
    this.#spare = this.#spare.then(async (spare) =>
      spare !== undefined && isRunning(spare)
        ? spare
        : // A launch that finds none starts its own, and says why that fails.
          await startSupervisor(this.#runtimeDirectory, log).catch(() => undefined),
    );
  }

  /**
   * Gives a run to a supervisor.
   * @param launchFile path of its `LaunchFile`
   * @param log where what it has to say is to be found
   */
  async start(launchFile: string, log: string): Promise<ChildProcess> {
    const child =
      (await this.#takeSpare(log)) ?? (await startSupervisor(this.#runtimeDirectory, log));
    child.stdin?.end(launchFile);
    return child;
  }

  [Symbol.dispose](): void {
    void this.#spare.then((spare) => spare?.stdin?.destroy());
  }

  /** Whoever comes next, to take one or to keep one, waits until this one's log is out of the way. */
  #takeSpare(log: string): Promise<ChildProcess | undefined> {
    const spareLog = this.#spareLog;
    const taken = this.#spare.then(async (spare) => {
      if (spare === undefined || spareLog === undefined || !isRunning(spare)) return undefined;
      const isMoved = await rename(spareLog, log).then(
        () => true,
        () => false,
      );
      if (isMoved) return spare;
      // What it has to say would be found by nobody.
      spare.stdin?.destroy();
      return undefined;
    });
    this.#spare = taken.then(() => undefined);
    return taken;
  }
}

export function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
