import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What became of commands in comments: set when it is known. */
const changes = ['command_accepted integer', 'command_refusal text'].map(
  (column) => sql`alter table comments add column ${sql.raw(column)}`,
);

export const onTheForge: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of changes) {
      await statement.execute(db);
    }
  },
};
