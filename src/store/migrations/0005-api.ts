import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Tokens of the API, and what its pages are read along: issues and runs, the newest first. */
const changes = [
  sql`create table api_tokens (
    name text primary key collate nocase,
    digest text not null unique,
    scope text not null check (scope in ('read', 'write')),
    created_at integer not null,
    expires_at integer,
    last_used_at integer
  ) strict, without rowid`,
  sql`create index issues_by_change on forge_state (since, slug)`,
  sql`create index runs_by_age on runs (prepared_at, slug, run)`,
];

export const api: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of changes) {
      await statement.execute(db);
    }
  },
};
