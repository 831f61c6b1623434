import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What became of commands in comments, set when it is known; and what is said once for a whole repository. */
const changes = [
  sql`alter table comments add column command_accepted integer`,
  sql`alter table comments add column command_refusal text`,
  sql`create table told_once (
    repository_id integer not null,
    what text not null,
    primary key (repository_id, what)
  ) strict, without rowid`,
];

export const onTheForge: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of changes) {
      await statement.execute(db);
    }
  },
};
