import { createHash } from 'node:crypto';
import type { Operation } from '../domain/operation.ts';

const shortLength = 200;

/** The arguments of a call as the op log keeps them: a digest of everything, and the beginning for people. */
export function describeArguments(
  value: object,
): Pick<Operation, 'argumentsDigest' | 'argumentsShort'> {
  const canonical = canonicalJson(value);
  return {
    argumentsDigest: createHash('sha256').update(canonical).digest('hex'),
    argumentsShort:
      canonical.length <= shortLength
        ? canonical
        : `${canonical.slice(0, shortLength - 1).toWellFormed()}…`,
  };
}

/** JSON with the keys of every object in order, so that equal arguments have equal digests. */
function canonicalJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_, part: unknown) =>
      part !== null && typeof part === 'object' && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
        : part,
    );
  } catch (error) {
    // What JSON.parse read can be nested too deep to be written again: such a call is refused, and logged as that.
    if (error instanceof RangeError) {
      return '"nested too deep"';
    }
    throw error;
  }
}
