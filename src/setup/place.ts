import type { Place } from '../forges/forge-setup.ts';

/** What people write: `owner/repo`, or the name of an org. Undefined for anything else. */
export function parsePlace(text: string): Place | undefined {
  const [, owner, name] = /^([\w.-]+)(?:\/([\w.-]+))?$/.exec(text) ?? [];
  if (owner === undefined) {
    return undefined;
  }
  return name === undefined ? { kind: 'org', org: owner } : { kind: 'repository', owner, name };
}

export function formatPlace(place: Place): string {
  return place.kind === 'org' ? place.org : `${place.owner}/${place.name}`;
}
