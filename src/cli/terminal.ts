import pc from 'picocolors';
import type { Phase } from '../domain/run.ts';

/** Colours on a terminal that wants them; elsewhere plain text. */
export const colours = coloursFor(process.stdout);

/** The same for stderr. */
export const errorColours = coloursFor(process.stderr);

/** Columns of the terminal; undefined when the output goes elsewhere, where nothing is to be cut. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

/** Writes a line on stdout. */
export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** For programs: stable, whole, and with nothing else around it. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
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

/** `isTTY` is undefined where it is false, and undefined means to picocolors: also where `CI` is set. */
function coloursFor({ isTTY }: { readonly isTTY?: boolean }): ReturnType<typeof pc.createColors> {
  return pc.createColors(Boolean(isTTY) && pc.isColorSupported);
}
