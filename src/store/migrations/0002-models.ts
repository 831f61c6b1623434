import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * What a run used of models, what it was allowed to, and its conversation. A run without `requests` has no model;
 * with it, no `cost_usd` means that the cost is not known. Until now every agent was a script.
 */
const changes = [
  "provider text not null default 'script'",
  'model text',
  'session text',
  'requests integer',
  'input_tokens integer',
  'output_tokens integer',
  'cache_read_tokens integer',
  'cache_write_tokens integer',
  'cost_usd real',
  'turns integer',
  'message text',
  'failed integer not null default 0',
  'parked_until integer',
  "run_budget text not null default '{}'",
  "issue_budget text not null default '{}'",
  'manifest_digest text',
  'egress text',
].map((column) => sql`alter table runs add column ${sql.raw(column)}`);

export const models: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of changes) {
      await statement.execute(db);
    }
    await sql`alter table forge_state add column parked_until integer`.execute(db);
  },
};
