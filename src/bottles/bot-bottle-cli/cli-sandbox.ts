import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningSandbox, Sandbox, SandboxExit } from '../backend.ts';
import type { LauncherChannel, LauncherMessage, SupervisorMessage } from '../launch-protocol.ts';
import { settleBottle } from './cli-bottle.ts';
import {
  cliEnvironment,
  lastLine,
  requireProgram,
  resumeArguments,
  startArguments,
} from './cli-command.ts';
import { signalProcess } from '../processes.ts';
import { killCliProcesses } from './cli-processes.ts';
import { readCliState, writeCliState } from './cli-state.ts';
import { commitBottle } from './commit.ts';
import { stopBottle } from './engine.ts';
import { forgeEnvironment } from './forge-environment.ts';
import { queuePath, QueueReader } from './queue.ts';

/** Less than a supervisor that is told to stop is given. */
const commitMs = 45_000;
const lookMs = 500;
/** For the last output, which may be held open by what the CLI left behind. */
const drainMs = 500;
/** Of the end of stderr, for the reason. */
const keptCharacters = 4_096;

/** The supervisor's side of a run of the CLI. There is nothing to be launched inside: the CLI makes the working copy itself. */
export function spawnCli(sandbox: Sandbox): RunningSandbox {
  return new CliRun(sandbox);
}

class CliRun implements RunningSandbox {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly launcher: LauncherChannel;
  readonly exited: Promise<SandboxExit>;
  readonly #sandbox: Sandbox;
  readonly #exit = Promise.withResolvers<SandboxExit>();
  readonly #started = Promise.withResolvers<void>();
  #child: ChildProcess | undefined;
  #killed = false;
  #said = '';
  /** What reads and writes the bottle's state, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.exited = this.#exit.promise;
    this.stderr.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString()).slice(-keptCharacters);
    });
    let tell: (message: LauncherMessage) => void = () => {};
    this.launcher = {
      send: async (message) => await this.#obey(message, tell),
      onMessage(listener) {
        tell = (message) => listener(message, undefined);
        // The CLI's agent comes through a door of its own.
        queueMicrotask(() => tell({ type: 'listening' }));
      },
      closed: this.#started.promise,
    };
  }

  async #obey(message: SupervisorMessage, tell: (message: LauncherMessage) => void): Promise<void> {
    if (message.type === 'setup') tell({ type: 'ready' });
    else await this.#execute();
  }

  async #execute(): Promise<void> {
    try {
      await this.#start();
      this.#started.resolve();
    } catch (error) {
      this.#leave({ code: undefined, reason: (error as Error).message });
    }
  }

  async #start(): Promise<void> {
    const { paths, relay, request, promptFile } = this.#sandbox;
    const state = readCliState(paths);
    if (state === undefined) throw new Error('the bottle was never prepared');
    const context = relay.context();
    const { prompt } = context.request;
    const bottle = await settleBottle(paths, state);
    await writeCliState(paths, {
      ...state,
      ...(bottle === undefined ? {} : { bottle }),
      frozen: false,
    });
    const args =
      bottle === undefined ? startArguments(request, prompt) : resumeArguments(bottle.slug, prompt);
    const queue = queuePath(dirname(promptFile));
    await mkdir(queue, { recursive: true, mode: 0o700 });
    const { settings } = state;
    if (this.#killed) throw new Error('the run was ended before the CLI was started');
    const child = spawn(
      'setpriv',
      // The kernel ends it with this process, whose main thread starts it.
      ['--pdeathsig', 'KILL', '--', requireProgram(settings), ...args],
      {
        cwd: paths.work,
        env: { ...cliEnvironment(settings), ...forgeEnvironment(context, queue) },
        // A group of its own, so that all of it can be asked to end.
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child = child;
    child.stdout.pipe(this.stdout);
    child.stderr.pipe(this.stderr);
    void this.#follow(child, queue);
    await once(child, 'spawn');
  }

  /** Resolves when the CLI has ended and all that it told is told on. */
  async #follow(child: ChildProcess, queue: string): Promise<void> {
    const { relay } = this.#sandbox;
    const drained = Promise.all(
      [this.stdout, this.stderr].map(
        (stream) => new Promise<void>((resolve) => stream.once('end', () => resolve())),
      ),
    ).then(() => {});
    const events = new QueueReader(queue, async (call) => {
      await relay.record(call);
      // The CLI takes the bottle down when its agent ends: what is to be kept is kept while it is up.
      if (call.done !== undefined) void this.#commit();
    });
    const looking = setInterval(() => void this.#look(), lookMs);
    const end = await new Promise<Pick<SandboxExit, 'code' | 'reason'>>((resolve) => {
      child.once('exit', (code, signal) => {
        const reason = signal === null ? undefined : `the CLI was ended by ${signal}`;
        resolve({ code: code ?? undefined, reason });
      });
      child.once('error', ({ message }) => resolve({ code: undefined, reason: message }));
    });
    clearInterval(looking);
    await events.close();
    await this.#look();
    await Promise.race([drained, delay(drainMs)]);
    // The agent's exit code is the CLI's. What the CLI has to say itself, it says last.
    const failed = end.code !== undefined && end.code !== 0;
    this.#exit.resolve({ ...end, reason: failed ? lastLine(this.#said) : end.reason, drained });
  }

  /** Writes down which bottle the CLI has made, as soon as it has. */
  #look(): Promise<void> {
    const { paths } = this.#sandbox;
    return this.#inTurn(async () => {
      const state = readCliState(paths);
      if (state !== undefined) await settleBottle(paths, state);
    });
  }

  #commit(): Promise<void> {
    return this.#inTurn(() => commitBottle(this.#sandbox.paths, commitMs));
  }

  /** What fails is done by the freeze that follows every run, which also says why it cannot. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(task).catch(() => {});
    return this.#work;
  }

  #leave(end: Pick<SandboxExit, 'code' | 'reason'>): void {
    this.stdout.end();
    this.stderr.end();
    this.#exit.resolve({ ...end, drained: Promise.resolve() });
  }

  terminate(): void {
    void this.#commit().then(() => this.#signal('SIGTERM'));
  }

  async kill(): Promise<void> {
    this.#killed = true;
    if (this.#child === undefined) this.#leave({ code: undefined, reason: 'the run was ended' });
    await this.#work;
    this.#signal('SIGKILL');
    await killCliProcesses(this.#sandbox.paths);
    // Killed, it has taken nothing down. One that cannot be stopped here is stopped by the freeze, or that fails.
    await this.#inTurn(async () => {
      const state = readCliState(this.#sandbox.paths);
      if (state?.bottle !== undefined) await stopBottle(state.settings, state.bottle);
    });
  }

  #signal(name: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child ?? {};
    // One that has ended has lost its number.
    if (pid !== undefined && exitCode === null && signalCode === null) signalProcess(-pid, name);
  }
}
