import { z } from 'zod';
import { tokenScopes } from '../../domain/api-token.ts';
import type { ApiTokenRecord } from '../../store/store.ts';
import { isoTime, time } from './time.ts';

/** A token of the API, without the token. */
export const tokenView = z
  .object({
    name: z.string(),
    scope: z.enum(tokenScopes).meta({ description: '`read` asks, `write` also gives commands.' }),
    createdAt: time,
    lastUsedAt: time.nullable().meta({ description: 'To the minute.' }),
    expiresAt: time.nullable().meta({ description: 'Null: never.' }),
    expired: z.boolean(),
  })
  .meta({ id: 'Token' });

export type TokenView = z.infer<typeof tokenView>;

export const createdTokenView = tokenView
  .extend({ token: z.string().meta({ description: 'Shown now and never again.' }) })
  .meta({ id: 'CreatedToken' });

export type CreatedTokenView = z.infer<typeof createdTokenView>;

export function viewToken(record: ApiTokenRecord): TokenView {
  return {
    name: record.name,
    scope: record.scope,
    createdAt: isoTime(record.createdAt),
    lastUsedAt: isoTime(record.lastUsedAt),
    expiresAt: isoTime(record.expiresAt),
    expired: (record.expiresAt ?? Infinity) <= Date.now(),
  };
}
