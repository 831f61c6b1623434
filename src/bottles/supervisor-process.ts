import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { isAlivePid } from './liveness.ts';
import type { SpareOrder } from './spare.ts';
import { systemEnvironment } from './system.ts';

/** What a supervisor reads from its stdin, each a line of JSON. It ends when there is no more and no launch among it. */
export type SupervisorOrder =
  /** Start a sandbox whose bottle is to come. */
  | { readonly type: 'prepare'; readonly spare: SpareOrder }
  /** The last one. @property file path of the run's `LaunchFile` */
  | { readonly type: 'launch'; readonly file: string };

/**
 * Node's options for a supervisor. One thread is enough for a process that mostly waits: helpers of V8's cost memory in every
 * bottle, and while a stream passes they take the processor from the agent that reads it.
 */
export const supervisorNodeOptions = ['--no-warnings', '--expose-gc', '--single-threaded'] as const;

/**
 * Starts a supervisor that has no run yet. It is in a session of its own, so that neither this process's end nor its
 * terminal's reaches it once it has a run.
 * @param log a file for what it has to say
 */
export async function startSupervisor(
  runtimeDirectory: string,
  log: string,
): Promise<ChildProcess> {
  await using file = await open(log, 'w', 0o600);
  const child = spawn(
    join(runtimeDirectory, 'bin', 'node'),
    [...supervisorNodeOptions, join(runtimeDirectory, 'supervisor.cjs')],
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

export function giveOrder(supervisor: ChildProcess, order: SupervisorOrder): void {
  supervisor.stdin?.write(`${JSON.stringify(order)}\n`);
  if (order.type === 'launch') supervisor.stdin?.end();
}

/** Also of one whose end this process has not heard of yet. */
export function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null && pid !== undefined && isAlivePid(pid);
}
