import { InvalidArgumentError } from 'commander';
import { durationForm, parseDuration } from '../domain/duration.ts';

/** For arguments and options: milliseconds, more than none. */
export function readDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) {
    throw new InvalidArgumentError(`It is ${durationForm}, and longer than nothing.`);
  }
  return ms;
}
