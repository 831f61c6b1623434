import { fork } from 'node:child_process';
import { once } from 'node:events';

export interface Child extends AsyncDisposable {
  /** What it said when it was ready. */
  readonly message: string;
}

/**
 * Starts a module as a process of its own, so that what is measured shares no thread with who measures.
 * It sends one message over its IPC channel when it is ready, and ends when that channel closes.
 */
export async function startChild(
  program: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<Child> {
  const child = fork(new URL(program), args, {
    execArgv: [...nodeOptions],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const ready = await Promise.race([once(child, 'message'), exited.then(() => undefined)]);
  if (ready === undefined) {
    throw new Error(`${program} did not start`);
  }
  return {
    message: String(ready[0]),
    async [Symbol.asyncDispose]() {
      // It has nothing to finish.
      child.kill('SIGKILL');
      await exited;
    },
  };
}
