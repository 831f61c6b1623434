import { createHash } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { Notification, NotificationContent } from '../domain/notification.ts';
import type { Schema } from './schema.ts';
import type { NotificationStore } from './store.ts';

/** What comes back sooner has not been over. */
const quietMs = 3_600_000;

export function notificationStore(db: Kysely<Schema>): NotificationStore {
  return {
    add: ({ subject, raisedAt, ...content }) =>
      db.transaction().execute(async (transaction) => {
        const last = await transaction
          .selectFrom('notifications')
          .select(['id', 'over_at'])
          .where('subject', '=', subject)
          .orderBy('raised_at', 'desc')
          .limit(1)
          .executeTakeFirst();
        if (last !== undefined && (last.over_at === null || raisedAt < last.over_at + quietMs)) {
          await transaction
            .updateTable('notifications')
            .set({ over_at: null })
            .where('id', '=', last.id)
            .execute();
          return false;
        }
        await transaction
          .insertInto('notifications')
          .values({
            id: idOf(subject, raisedAt),
            subject,
            content: JSON.stringify(content),
            raised_at: raisedAt,
            over_at: null,
            handed_over: 0,
          })
          .execute();
        return true;
      }),

    async over(subject, at) {
      await db
        .updateTable('notifications')
        .set({ over_at: at })
        .where('subject', '=', subject)
        .where('over_at', 'is', null)
        .execute();
    },

    async lasting(prefix) {
      const rows = await db
        .selectFrom('notifications')
        .select(['subject', 'raised_at'])
        .where('subject', '>=', prefix)
        .where('subject', '<', `${prefix}\u{10ffff}`)
        .where('over_at', 'is', null)
        .execute();
      return rows.map(({ subject, raised_at: raisedAt }) => ({ subject, raisedAt }));
    },

    async read(id) {
      const row = await db
        .selectFrom('notifications')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst();
      return row === undefined ? undefined : toNotification(row);
    },

    async waiting() {
      const rows = await db
        .selectFrom('notifications')
        .selectAll()
        .where('handed_over', '=', 0)
        .orderBy('raised_at')
        .execute();
      return rows.map(toNotification);
    },

    async markHandedOver(id) {
      await db.updateTable('notifications').set({ handed_over: 1 }).where('id', '=', id).execute();
    },

    async markSent(id, notifier, at) {
      await db
        .insertInto('sent_notifications')
        .values({ id, notifier, sent_at: at })
        .onConflict((conflict) => conflict.columns(['id', 'notifier']).doNothing())
        .execute();
    },

    async isSent(id, notifier) {
      const row = await db
        .selectFrom('sent_notifications')
        .select('sent_at')
        .where('id', '=', id)
        .where('notifier', '=', notifier)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}

function idOf(subject: string, raisedAt: number): string {
  return createHash('sha256').update(`${subject}\n${raisedAt}`).digest('hex').slice(0, 32);
}

function toNotification(row: Selectable<Schema['notifications']>): Notification {
  const content = JSON.parse(row.content) as Omit<NotificationContent, 'url' | 'issue'> &
    Partial<NotificationContent>;
  return { url: undefined, issue: undefined, ...content, id: row.id, raisedAt: row.raised_at };
}
