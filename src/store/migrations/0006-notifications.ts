import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What people were told besides on the forge, and which way it has gone. */
const changes = [
  sql`create table notifications (
    id text primary key,
    subject text not null,
    content text not null,
    raised_at integer not null,
    over_at integer,
    handed_over integer not null default 0 check (handed_over in (0, 1))
  ) strict, without rowid`,
  sql`create index notifications_by_subject on notifications (subject, raised_at)`,
  sql`create index notifications_waiting on notifications (raised_at) where handed_over = 0`,
  sql`create table sent_notifications (
    id text not null,
    notifier text not null,
    sent_at integer not null,
    primary key (id, notifier)
  ) strict, without rowid`,
];

export const notifications: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of changes) {
      await statement.execute(db);
    }
  },
};
