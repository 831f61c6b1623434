import type { Kysely, Selectable } from 'kysely';
import type { Schema } from './schema.ts';
import type { ApiTokenRecord, ApiTokenStore } from './store.ts';

export function apiTokenStore(db: Kysely<Schema>): ApiTokenStore {
  return {
    async add(token) {
      const row = {
        name: token.name,
        digest: token.digest,
        scope: token.scope,
        created_at: token.createdAt,
        expires_at: token.expiresAt ?? null,
        last_used_at: null,
      };
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('api_tokens')
        .values(row)
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },

    async byDigest(digest) {
      const row = await db
        .selectFrom('api_tokens')
        .selectAll()
        .where('digest', '=', digest)
        .executeTakeFirst();
      return row === undefined ? undefined : toRecord(row);
    },

    async all() {
      const rows = await db.selectFrom('api_tokens').selectAll().orderBy('name').execute();
      return rows.map(toRecord);
    },

    async used(digest, at) {
      await db
        .updateTable('api_tokens')
        .set({ last_used_at: at })
        .where('digest', '=', digest)
        .execute();
    },

    async remove(name) {
      const { numDeletedRows } = await db
        .deleteFrom('api_tokens')
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
  };
}

function toRecord(row: Selectable<Schema['api_tokens']>): ApiTokenRecord {
  return {
    name: row.name,
    digest: row.digest,
    scope: row.scope,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}
