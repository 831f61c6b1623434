import { z } from 'zod';
import type { RepositoryRef } from '../domain/issue.ts';
import type { Store } from '../store/store.ts';

/** A filter that may be given several times: what has one of the values is listed. */
export function anyOf<Value extends z.ZodType>(value: Value, description?: string) {
  return z
    .preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(value).max(20))
    .optional()
    .meta({ ...(description !== undefined && { description }) });
}

export function flag(description: string) {
  return z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .meta({ description });
}

/** @param what has the time that counts */
export function timeRange(what: string) {
  const time = z.iso
    .datetime({ offset: true, error: 'is no ISO 8601 time such as 2026-01-31T14:05:00Z' })
    .transform((text) => Date.parse(text))
    .optional();
  return {
    since: time.meta({ description: `The ${what} is not earlier.` }),
    until: time.meta({ description: `The ${what} is earlier.` }),
  };
}

export const repositoryFilter = z
  .string()
  .regex(/^[^/\s]+\/[^/\s]+$/, { error: 'is not owner/name' })
  .optional()
  .meta({ description: '`owner/name`, by any name that it has or had.' });

export const agentFilter = anyOf(z.string(), "The agent's name.");

/** Undefined where none is asked for; `unknown` for one that has never sent an event: nothing can be listed of it. */
export async function findRepository(
  store: Pick<Store, 'repositories'>,
  name: string | undefined,
): Promise<RepositoryRef | undefined | 'unknown'> {
  if (name === undefined) {
    return undefined;
  }
  const [owner = '', repository = ''] = name.split('/');
  return (await store.repositories.byName(owner, repository))?.firstSeen ?? 'unknown';
}
