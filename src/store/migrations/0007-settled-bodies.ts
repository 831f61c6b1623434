import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The deliveries whose bodies are kept and no longer needed, the oldest first. One that waits is not in it: acknowledging costs the same. */
const index = sql`create index deliveries_settled on deliveries (received_at)
  where state <> 'waiting' and length(body) > 0`;

export const settledBodies: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await index.execute(db);
  },
};
