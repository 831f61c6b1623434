import { setTimeout as delay } from 'node:timers/promises';
import { CliError, exitCodes } from './cli-error.ts';
import { isoTime, readClock, type Clock } from './clock.ts';
import type { GlobalOptions } from './global-options.ts';
import { Screen } from './screen.ts';
import {
  colours,
  errorColours,
  print,
  printJsonLine,
  terminalWidth,
  wrapWords,
} from './terminal.ts';

const intervalMs = 2000;

/** What `--watch` of a command shows. */
export interface Watched<State> {
  read(): Promise<State>;
  /** All of it, for a terminal. */
  text(state: State, width: number | undefined, clock: Clock): string;
  /** Lines that tell what is new; `before` is undefined at the beginning. */
  changes(state: State, before: State | undefined, now: number): readonly string[];
  /** What is new for programs, an object each. */
  objects(state: State, before: State | undefined): readonly unknown[];
}

/**
 * Shows a state until Ctrl-C: on a terminal drawn again in place, elsewhere what changes as it changes, with `--json` one
 * object a line. An orchestrator that goes away comes back: the watch goes on.
 * @throws CliError also when the orchestrator is away from the beginning
 */
export async function watch<State>(
  watched: Watched<State>,
  options: GlobalOptions,
): Promise<never> {
  let state = await watched.read();
  const report =
    options.json || !process.stdout.isTTY
      ? reportChanges(watched, options)
      : drawAll(watched, options);
  try {
    for (;;) {
      report.state(state);
      await delay(intervalMs);
      state = await readWhenBack(watched, report);
    }
  } finally {
    report.end();
  }
}

interface Report<State> {
  state(state: State): void;
  away(reason: string): void;
  end(): void;
}

async function readWhenBack<State>(watched: Watched<State>, report: Report<State>): Promise<State> {
  for (;;) {
    try {
      return await watched.read();
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) {
        throw error;
      }
      report.away(error.message);
    }
    await delay(intervalMs);
  }
}

/** What was seen last stays below what is wrong. */
function drawAll<State>(watched: Watched<State>, options: GlobalOptions): Report<State> {
  const screen = new Screen();
  screen.open();
  let last: State;
  const draw = (heading: () => string) =>
    screen.draw(() => `${heading()}\n\n${watched.text(last, terminalWidth(), readClock(options))}`);
  return {
    state(state) {
      last = state;
      const heading = `${isoTime(Date.now())}, every ${intervalMs / 1000} s, Ctrl-C to end`;
      draw(() => colours.dim(heading));
    },
    away: (reason) => draw(() => colours.red(wrapWords(reason, terminalWidth()))),
    end: () => screen.close(),
  };
}

/** Lines for people begin with the time, always ISO: what is relative would be wrong a moment later. */
function reportChanges<State>(watched: Watched<State>, { json }: GlobalOptions): Report<State> {
  let before: State | undefined;
  let told = false;
  return {
    state(state) {
      if (json) {
        watched.objects(state, before).forEach(printJsonLine);
      } else {
        watched.changes(state, before, Date.now()).forEach((line) => print(line));
      }
      before = state;
      told = false;
    },
    away(reason) {
      if (!told) {
        process.stderr.write(`${errorColours.yellow('waiting:')} ${reason}\n`);
        told = true;
      }
    },
    end() {},
  };
}
