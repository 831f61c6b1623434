import * as z from 'zod';
import { durationForm, parseDuration } from '../domain/duration.ts';

/** Names of agents and bottles, which are file names and parts of labels. */
export function isManifestName(name: string): boolean {
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && name.length <= 63;
}

/** @param example for the error message */
export function manifestName(example: string) {
  return z
    .string('must be text')
    .refine(isManifestName, `must be a name in kebab-case: ${example}`);
}

/** One of an argument vector. */
export const word = z
  .string('must be text: quote it')
  .min(1, 'must not be empty')
  .refine((value) => !value.includes('\0'), 'must not hold a NUL character');

const bytesForm = 'must be bytes, or a number with k, m or g: 512m';
export const bytes = z
  .union([z.int().positive(bytesForm), z.string()], bytesForm)
  .transform(String)
  .pipe(z.string().regex(/^[1-9]\d{0,11}[kmg]?$/i, bytesForm))
  .transform((text) => {
    const power = ['', 'k', 'm', 'g'].indexOf(/[kmg]?$/.exec(text.toLowerCase())?.[0] ?? '');
    return Number.parseInt(text, 10) * 1024 ** power;
  })
  .refine(Number.isSafeInteger, 'is more than there can be');

const mustBeDuration = `must be ${durationForm}`;
/** In milliseconds; at least a second. */
export const duration = z
  .union([z.int().nonnegative(mustBeDuration), z.string()], mustBeDuration)
  .transform((written, context) => {
    const ms = parseDuration(String(written));
    if (ms === undefined || ms === 0) {
      context.addIssue(
        ms === 0 ? 'must be more than 0: leave the key out for no limit' : mustBeDuration,
      );
      return z.NEVER;
    }
    return ms;
  });
