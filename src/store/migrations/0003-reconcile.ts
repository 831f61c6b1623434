import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * What a reconcile goes by. Times of `cursors`, `looks` and `state_changes` are the forge's. Whatever had happened when an
 * issue last changed its phase, by our clock, is taken as told: nobody recorded it until now. Of closings that is an hour
 * less, since our clock may be ahead: one that is told twice ends nothing else, and one that is missed leaves a bottle alive.
 *
 * The row of an issue may have the number of another forge's pull request: the newer counts.
 */
const statements = [
  sql`alter table deliveries add column source text not null default 'webhook'
    check (source in ('webhook', 'reconcile'))`,
  sql`create table state_changes (
    repository_id integer not null,
    number integer not null,
    change text not null check (change in ('closed', 'reopened')),
    at integer not null,
    sequence integer not null,
    primary key (repository_id, number, change)
  ) strict, without rowid`,
  sql`insert into state_changes
    select repository_id, number, change, max(since) - earlier, 0
    from (
      select repository_id, issue_number as number, since from forge_state
      union all select repository_id, pr_number, since from forge_state where pr_number is not null
    ), (select 'closed' as change, 3600000 as earlier union all select 'reopened', 0)
    group by repository_id, number, change`,
  sql`create table reconcile_cursors (
    repository_id integer primary key,
    since integer not null
  ) strict`,
  sql`create table reconcile_looks (
    repository_id integer not null,
    number integer not null,
    changed_at integer not null,
    first_at integer not null,
    settled integer not null,
    primary key (repository_id, number)
  ) strict, without rowid`,
  sql`create table reconcile_turns (
    began_at integer not null,
    ended_at integer not null,
    requests integer not null,
    looked_at integer not null,
    found text not null,
    problem text
  ) strict`,
];

export const reconcile: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) {
      await statement.execute(db);
    }
  },
};
