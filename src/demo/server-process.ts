import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readToolEnvironment } from '../../tools/environment.ts';
import { findProgram } from '../../tools/program.ts';

export interface ServerCommand {
  /** As in "Temporal did not start". */
  readonly title: string;
  readonly binary: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing of ours is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  /** Appended to. */
  readonly logFile: string;
  /** Gives the start up. */
  readonly signal?: AbortSignal | undefined;
}

export interface ServerProcess {
  readonly pid: number;
  /** Resolves when the process has ended, however. */
  readonly exited: Promise<void>;
  /** Asks it to end, kills it after 10 s, and resolves when it has ended. Harmless when it has ended before. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 10_000;
const START_TIMEOUT_MS = 60_000;
const PROBE_EVERY_MS = 50;

/**
 * Starts a server as our child and waits until `isHealthy` says so (a rejection means not yet). Rejects, with the end of
 * its log, when it ends before that or takes longer than a minute, and with the signal's reason; no process is left then. A terminal's Ctrl-C does not
 * reach it, and it ends when we die without having stopped it.
 */
export async function startServerProcess(
  command: ServerCommand,
  isHealthy: () => Promise<boolean>,
): Promise<ServerProcess> {
  const log = openSync(command.logFile, 'a');
  const earlierBytes = fstatSync(log).size;
  const server = await spawnServer(command, log).finally(() => closeSync(log));
  let ended = false;
  void server.exited.then(() => (ended = true));
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await isHealthy().catch(() => false))) {
    if (command.signal?.aborted) {
      await server.stop();
      throw command.signal.reason;
    }
    if (ended || performance.now() > deadline) {
      await server.stop();
      const why = ended
        ? 'it ended'
        : `it was not healthy after ${String(START_TIMEOUT_MS / 1000)} s`;
      const lines = endOf(command.logFile, earlierBytes);
      throw new Error(
        `${command.title} did not start: ${why}. ${command.logFile} ends with:\n${lines}`,
      );
    }
    await sleep(PROBE_EVERY_MS);
  }
  return server;
}

function spawnServer(command: ServerCommand, log: number): Promise<ServerProcess> {
  const { title, binary, args, cwd, env, uid, gid } = command;
  const user = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  const [program, ...words] = [...untilWeDie(), binary, ...args] as [string, ...string[]];
  const child = spawn(program, words, {
    cwd,
    env,
    ...user,
    // Servers are stopped one after the other; a terminal would end them all at once.
    detached: true,
    stdio: ['ignore', log, log],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await exited;
    clearTimeout(kill);
  };
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new Error(`${title} did not start: ${error.message}`, { cause: error })),
    );
    child.once('spawn', () => {
      if (child.pid !== undefined) {
        resolve({ pid: child.pid, exited, stop });
      }
    });
  });
}

/** Linux ends it with us, also after a `kill -9`. Elsewhere it would stay. */
function untilWeDie(): string[] {
  const setpriv = findProgram('setpriv', readToolEnvironment().path);
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'TERM', '--'];
}

function endOf(logFile: string, earlierBytes: number): string {
  const text = readFileSync(logFile).subarray(earlierBytes).toString('utf8');
  return text.trim().split('\n').slice(-15).join('\n');
}
