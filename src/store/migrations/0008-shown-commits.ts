import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Which commit of a pull request has our status: a push that no webhook told of moves the head away from it. */
const table = sql`create table shown_commits (
  repository_id integer not null,
  number integer not null,
  head_commit text not null,
  primary key (repository_id, number)
) strict, without rowid`;

export const shownCommits: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await table.execute(db);
  },
};
