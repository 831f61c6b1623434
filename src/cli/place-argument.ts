import { InvalidArgumentError } from 'commander';
import type { Place } from '../forges/forge-setup.ts';
import { parsePlace } from '../setup/place.ts';

/** For arguments: a repository or an org. */
export function readPlace(text: string): Place {
  const place = parsePlace(text);
  if (place === undefined) {
    throw new InvalidArgumentError('It is neither owner/repo nor the name of an org.');
  }
  return place;
}

/** For an argument that may be given several times. */
export function collectPlaces(text: string, before: readonly Place[] = []): readonly Place[] {
  return [...before, readPlace(text)];
}

/** For an option that may be given several times: `owner/repo` of each. */
export function collectRepositories(text: string, before: readonly string[] = []): string[] {
  if (parsePlace(text)?.kind !== 'repository') {
    throw new InvalidArgumentError('It names no repository. Write owner/repo.');
  }
  return [...before, text];
}
