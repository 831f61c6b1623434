import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';

const program = fileURLToPath(new URL('./sample-program.ts', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Starts the command line as a process of its own, with an environment of its own. */
export function start(args: readonly string[], environment: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const finished = Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('close', (code, signal) => resolve([code, signal]));
    }),
  ]).then(([stdout, stderr, [code, signal]]) => ({ code, signal, stdout, stderr }));
  return { child, finished };
}

export function run(
  args: readonly string[],
  environment?: Record<string, string>,
): Promise<Finished> {
  return start(args, environment).finished;
}

/**
 * Runs the command line on a terminal of its own (by `script`), typing `answer` when `at` has appeared.
 * @returns `output` without control sequences, `raw` with them
 */
export function runOnTerminal(
  args: readonly string[],
  environment: Record<string, string>,
  { at, answer }: { readonly at: string; readonly answer: string },
): Promise<{ readonly code: number | null; readonly output: string; readonly raw: string }> {
  const words = [process.execPath, program, ...args].map((word) => `'${word}'`);
  const command = `stty rows 30 cols 100; ${words.join(' ')}`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', TERM: 'xterm', ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  let answered = false;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (!answered && output.includes(at)) {
      answered = true;
      child.stdin.write(answer);
    }
  });
  return new Promise((resolve) => {
    child.once('close', (code) =>
      resolve({ code, output: stripVTControlCharacters(output), raw: output }),
    );
  });
}
