import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { SandboxRequest } from '../host.ts';
import type { CliSettings } from './cli-state.ts';

/** One argument may have 128 KiB on Linux, its final zero included. */
const argumentBytes = 128 * 1024 - 1;
const cut = '\n\n[The middle of this text was left out: it is too long.]\n\n';

export function startArguments(request: SandboxRequest, prompt: string): string[] {
  const { agent, bottles, engine } = request.cli ?? { agent: '', bottles: [] };
  return [
    ...['start', agent, '--headless', '--prompt', fitArgument(prompt)],
    ...bottles.flatMap((bottle) => ['--bottle', bottle]),
    ...['--label', request.slug],
    ...(engine === undefined ? [] : [`--backend=${engine}`]),
  ];
}

export function resumeArguments(slug: string, prompt: string): string[] {
  return ['resume', slug, '--headless', '--prompt', fitArgument(prompt)];
}

/** Leaves out the middle: the task is at the beginning of a prompt, and how to work on it at its end. */
function fitArgument(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= argumentBytes) return text;
  const half = (argumentBytes - Buffer.byteLength(cut)) >> 1;
  // A character that is cut becomes a replacement character of three bytes.
  const head = bytes.subarray(0, half - 6).toString();
  const tail = bytes.subarray(bytes.length - half + 6).toString();
  return head + cut + tail;
}

/** All that the CLI finds in its environment, but for what a run's sidecar is given. */
export function cliEnvironment({ path, home }: CliSettings): Record<string, string> {
  return { PATH: path, HOME: home, LC_ALL: 'C.UTF-8', PYTHONUNBUFFERED: '1' };
}

export interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

const run = promisify(execFile);

/** Runs a program as the CLI would be run. @throws Error that says what it said last */
export async function runBesideCli(
  settings: CliSettings,
  [program, ...args]: readonly [string, ...string[]],
  options: { timeoutMs: number; environment?: Readonly<Record<string, string>> },
): Promise<Said> {
  const trial = run(program, args, {
    cwd: '/',
    env: { ...cliEnvironment(settings), ...options.environment },
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 16 * 1024 * 1024,
  });
  // Who asks a question gets no answer.
  trial.child.stdin?.end();
  try {
    return await trial;
  } catch (error) {
    const { stderr, killed, message } = error as Error & { stderr?: string; killed?: boolean };
    const late = killed === true ? `no end after ${options.timeoutMs / 1000} s` : undefined;
    throw new Error(late ?? lastLine(stderr ?? '') ?? message.split('\n', 1)[0], { cause: error });
  }
}

const destroyScript = 'import sys; from bot_bottle import destroy; destroy(sys.argv[1])';
const importScript = 'from bot_bottle import destroy';

/** The CLI has no command for it: it is a function of its package, which lies beside the program or is installed. */
export async function callDestroy(settings: CliSettings, slug: string): Promise<void> {
  await runPython(settings, [destroyScript, slug], 5 * 60_000);
}

/** @throws Error when `callDestroy` could not work */
export async function checkDestroy(settings: CliSettings): Promise<void> {
  await runPython(settings, [importScript], 30_000);
}

async function runPython(
  settings: CliSettings,
  args: readonly string[],
  timeoutMs: number,
): Promise<void> {
  const directory = dirname(realpathSync(requireProgram(settings)));
  const environment = { PYTHONPATH: directory, PYTHONDONTWRITEBYTECODE: '1' };
  await runBesideCli(settings, ['python3', '-c', ...args], { timeoutMs, environment });
}

/** @throws Error when it is not there any more */
export function requireProgram(settings: CliSettings): string {
  const found = findProgram(settings.program, settings.path);
  if (found === undefined) throw new Error(`the bot-bottle CLI ${settings.program} is not there`);
  return found;
}

/** The file that a name on the path, or a path, stands for; undefined when none can be executed. */
export function findProgram(name: string, path: string): string | undefined {
  const places = name.includes('/') ? [''] : path.split(delimiter).filter((place) => place !== '');
  return places
    .map((place) => resolve(place === '' ? name : join(place, name)))
    .find((file) => isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** What a program said last, without the name of Python's exception; undefined when it said nothing. */
export function lastLine(said: string): string | undefined {
  const line = said.trim().split('\n').at(-1)?.trim() ?? '';
  const text = line.replace(/^(?:[\w.]+\.)?(?:BottleError|Die):\s*/, '').slice(0, 500);
  return text === '' ? undefined : text.toWellFormed();
}
