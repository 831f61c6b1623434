import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { readToolEnvironment } from '../../tools/environment.ts';
import { findProjectRoot } from '../../tools/project-root.ts';
import { until } from '../support/until.ts';

const program = join(findProjectRoot(), 'dist', 'src', 'main.js');

/** The built `orchestrator` as a process of its own, with a home that is empty. */
export class Command {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | null>;
  output = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [program, ...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.exitCode = new Promise((resolve) => this.child.once('close', (code) => resolve(code)));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Waits until it has printed that. */
  async says(text: string, timeoutMs = 60_000): Promise<void> {
    await until(
      JSON.stringify(text),
      () => {
        if (!this.output.includes(text) && this.child.exitCode !== null) {
          throw new Error(`it ended without having said ${text}:\n${this.output}`);
        }
        return this.output.includes(text);
      },
      timeoutMs,
    );
  }
}

/** Starts one; it has ended when the test has. */
export async function startCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Command> {
  const home = await mkdtemp(join(tmpdir(), 'home-'));
  const { path, cacheDirectory } = readToolEnvironment();
  const command = new Command(args, {
    PATH: path,
    HOME: home,
    // The tools are brought once.
    XDG_CACHE_HOME: dirname(dirname(cacheDirectory)),
    ...environment,
  });
  onTestFinished(async () => {
    command.child.kill('SIGINT');
    await command.exitCode;
    await rm(home, { recursive: true, force: true });
  });
  return command;
}
