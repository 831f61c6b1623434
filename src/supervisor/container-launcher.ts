import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type FromContainer,
  launcherSocket,
  type ToContainer,
} from '../bottles/docker/container-protocol.ts';
import { inside } from '../bottles/directory.ts';
import { onLines } from '../bottles/lines.ts';
import { bridgeDoor } from './door-bridge.ts';
import { setUp } from './set-up.ts';

/** Longer than a launch waits for a supervisor's claim. */
const supervisorMs = 30_000;

/**
 * The first program in a container, below Docker's init: opens the door, clones, starts the agent and stays as its parent.
 *
 * A container does not die with the supervisor. This program does, when its connection to it is gone, and everything in the
 * container with it. The agent is started only when the supervisor says so, over that connection.
 */
class ContainerLauncher {
  readonly #supervisor: Socket;
  readonly #stdout: Socket;
  readonly #stderr: Socket;

  private constructor(supervisor: Socket, stdout: Socket, stderr: Socket) {
    this.#supervisor = supervisor;
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  static async start(): Promise<void> {
    const door = bridgeDoor();
    // The supervisor knows them by their order.
    const supervisor = await untilOpen();
    supervisor.on('close', () => process.exit(1));
    const outputs = await Promise.all([open(), open()]);
    const launcher = new ContainerLauncher(supervisor, ...outputs);
    // Sent by `docker stop`.
    process.on('SIGTERM', terminate);
    onLines(supervisor, (line) => launcher.#obey(line));
    await door;
    launcher.#report({ type: 'listening' });
  }

  #obey(line: string): void {
    const message = JSON.parse(line) as ToContainer;
    switch (message.type) {
      case 'setup':
        return void setUp(message).then((answer) => this.#report(answer));
      case 'execute':
        return this.#execute(message.argv, message.environment);
      case 'terminate':
        return terminate();
    }
  }

  #execute(
    [program, ...args]: readonly [string, ...string[]],
    environment: Readonly<Record<string, string>>,
  ): void {
    const agent = spawn(program, args, {
      cwd: inside.work,
      env: { ...environment },
      stdio: ['ignore', this.#stdout, this.#stderr],
    });
    agent.once('exit', (code, signal) =>
      this.#end(code ?? 128 + constants.signals[signal ?? 'SIGKILL']),
    );
    agent.once('error', (error: NodeJS.ErrnoException) => this.#endUnstarted(program, error));
    if (agent.pid !== undefined) {
      this.#report({ type: 'executed' });
      // The agent has its own: what it leaves open is open, and what it closes is closed.
      this.#stdout.destroy();
      this.#stderr.destroy();
    }
  }

  /** Says what a shell says. */
  #endUnstarted(program: string, { code, message }: NodeJS.ErrnoException): void {
    const reason = code === 'ENOENT' ? 'No such file or directory' : message;
    this.#stderr.end(`${program}: ${reason}\n`, () => this.#end(code === 'ENOENT' ? 127 : 126));
  }

  #end(code: number): void {
    this.#supervisor.write(
      `${JSON.stringify({ type: 'exited', code } satisfies FromContainer)}\n`,
      () => process.exit(code),
    );
  }

  #report(message: FromContainer): void {
    this.#supervisor.write(`${JSON.stringify(message)}\n`);
  }
}

/** The container is started while its supervisor is still to listen. */
async function untilOpen(): Promise<Socket> {
  const end = Date.now() + supervisorMs;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (Date.now() > end) throw error;
      await delay(10);
    }
  }
}

async function open(): Promise<Socket> {
  const socket = connect(launcherSocket);
  await once(socket, 'connect');
  socket.on('error', () => socket.destroy());
  return socket;
}

/** TERM to all but this process and Docker's init, which stay to reap the others and to tell the exit code. */
function terminate(): void {
  try {
    process.kill(-1, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

void ContainerLauncher.start();
