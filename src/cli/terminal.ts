import { Help } from 'commander';
import pc from 'picocolors';
import { environment } from '../config/load.ts';
import type { Environment } from '../config/sources.ts';
import type { Phase } from '../domain/run.ts';

export const colourChoices = ['auto', 'always', 'never'] as const;

/** `--color`: auto is a terminal that wants them. */
export type ColourChoice = (typeof colourChoices)[number];

const wanted = {
  stdout: wantsColours('auto', process.stdout.isTTY, environment()),
  stderr: wantsColours('auto', process.stderr.isTTY, environment()),
};

/** Colours where they are wanted at the moment; elsewhere plain text. */
export const colours = colourWhen(() => wanted.stdout);

/** The same for stderr. */
export const errorColours = colourWhen(() => wanted.stderr);

/** Decides what `colours` and `errorColours` do from here on. */
export function chooseColours(choice: ColourChoice): void {
  wanted.stdout = wantsColours(choice, process.stdout.isTTY, environment());
  wanted.stderr = wantsColours(choice, process.stderr.isTTY, environment());
}

type Colours = ReturnType<typeof pc.createColors>;

function colourWhen(isWanted: () => boolean): Omit<Colours, 'isColorSupported'> {
  const { isColorSupported: _, ...painters } = pc.createColors(true);
  const switched = Object.entries(painters).map(([name, paint]): [string, Formatter] => [
    name,
    (text) => (isWanted() ? paint(text) : String(text)),
  ]);
  return Object.fromEntries(switched) as typeof painters;
}

type Formatter = Colours['bold'];

/** As Node itself weighs the variables. @param isTTY undefined where it is false */
export function wantsColours(
  choice: ColourChoice,
  isTTY: boolean | undefined,
  { NO_COLOR: none, FORCE_COLOR: forced, TERM: terminal }: Environment,
): boolean {
  if (choice !== 'auto') {
    return choice === 'always';
  }
  if (forced) {
    return forced !== '0' && forced !== 'false';
  }
  return !none && Boolean(isTTY) && terminal !== 'dumb';
}

/** Columns of the terminal; undefined when it does not say, or the output goes elsewhere: nothing is to be cut. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns || undefined : undefined;
}

/** @param width columns; undefined: as it is */
export function wrapWords(text: string, width: number | undefined): string {
  return width === undefined ? text : new Help().boxWrap(text, width);
}

/** Writes a line on stdout. */
export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** For programs: stable, whole, and with nothing else around it. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** One of many that are printed as they come, each a line. */
export function printJsonLine(value: unknown): void {
  print(JSON.stringify(value));
}

/**
 * What others wrote, as one line that a terminal can show: without the control and direction characters with which a
 * text could move the cursor, colour what follows, or appear as something else.
 */
export function oneLine(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .trim();
}

export function colourPhase(phase: Phase, text: string = phase): string {
  switch (phase) {
    case 'running':
      return colours.green(text);
    case 'failed':
      return colours.red(text);
    case 'frozen':
    case 'parked':
      return colours.blue(text);
    case 'destroyed':
      return colours.dim(text);
    case 'queued':
    case 'freezing':
    case 'resuming':
    case 'destroying':
      return colours.yellow(text);
  }
}
