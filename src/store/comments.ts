import type { Kysely } from 'kysely';
import type { CommentKind } from '../domain/issue.ts';
import type { Schema } from './schema.ts';
import type { CommentRecord, CommentStore } from './store.ts';

/** Within one delivery, a review's summary comes before its inline comments. */
const kindOrder: readonly CommentKind[] = ['conversation', 'review', 'inline'];

const recordColumns = ['on_number as on', 'kind', 'id', 'author', 'sequence'] as const;

export function commentStore(db: Kysely<Schema>): CommentStore {
  return {
    async record(comment) {
      await db
        .insertInto('comments')
        .values({
          repository_id: comment.issue.repository.id,
          kind: comment.kind,
          id: comment.id,
          issue_number: comment.issue.number,
          on_number: comment.on,
          author: comment.author,
          sequence: comment.sequence,
          counts: comment.verdict.counts ? 1 : 0,
          reason: comment.verdict.counts ? null : comment.verdict.reason,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },

    async recordEdit(repositoryId, id, verdict) {
      await db
        .updateTable('comments')
        .set({
          counts: verdict.counts ? 1 : 0,
          reason: verdict.counts ? null : verdict.reason,
        })
        .where('repository_id', '=', repositoryId)
        .where('id', '=', id)
        // Reviews have ids of their own, which a comment's may equal.
        .where('kind', '!=', 'review')
        .execute();
    },

    async recordOwn(repositoryId, id) {
      await db
        .insertInto('own_comments')
        .values({ repository_id: repositoryId, id })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },

    async isOwn(repositoryId, id) {
      const row = await db
        .selectFrom('own_comments')
        .select('id')
        .where('repository_id', '=', repositoryId)
        .where('id', '=', id)
        .executeTakeFirst();
      return row !== undefined;
    },

    async recordedBy(repositoryId, kind, id) {
      const row = await db
        .selectFrom('comments')
        .select('sequence')
        .where('repository_id', '=', repositoryId)
        // A reply below a line of code comes as a comment of the conversation, and is listed as an inline one.
        .where('kind', kind === 'review' ? '=' : '!=', 'review')
        .where('id', '=', id)
        .orderBy('sequence')
        .executeTakeFirst();
      return row?.sequence;
    },

    async commandVerdict(repositoryId, id) {
      const row = await db
        .selectFrom('comments')
        .select(['command_accepted', 'command_refusal'])
        .where('repository_id', '=', repositoryId)
        .where('kind', '=', 'conversation')
        .where('id', '=', id)
        .executeTakeFirst();
      if (row === undefined || row.command_accepted === null) {
        return undefined;
      }
      return row.command_accepted === 1
        ? { accepted: true }
        : { accepted: false, reason: row.command_refusal ?? '' };
    },

    async recordCommandVerdict(repositoryId, id, verdict) {
      await db
        .updateTable('comments')
        .set({
          command_accepted: verdict.accepted ? 1 : 0,
          command_refusal: verdict.accepted ? null : verdict.reason,
        })
        .where('repository_id', '=', repositoryId)
        .where('kind', '=', 'conversation')
        .where('id', '=', id)
        .where('command_accepted', 'is', null)
        .execute();
    },

    async takeUnread(issue, slug, run) {
      const rows = await db
        .updateTable('comments')
        .set({ read_by_slug: slug, read_by_run: run })
        .where('repository_id', '=', issue.repository.id)
        .where('issue_number', '=', issue.number)
        .where('counts', '=', 1)
        .where((where) =>
          where.or([
            where('read_by_slug', 'is', null),
            where.and({ read_by_slug: slug, read_by_run: run }),
          ]),
        )
        .returning(recordColumns)
        .execute();
      return rows.toSorted(byAge);
    },

    async takenBy(slug, run) {
      const rows = await db
        .selectFrom('comments')
        .select(recordColumns)
        .where('read_by_slug', '=', slug)
        .where('read_by_run', '=', run)
        .execute();
      return rows.toSorted(byAge);
    },

    async takenBefore(slug, run) {
      const rows = await db
        .selectFrom('comments')
        .select(recordColumns)
        .where('read_by_slug', '=', slug)
        .where('read_by_run', '<', run)
        .execute();
      return rows.toSorted(byAge);
    },

    async giveBack(slug, run) {
      await db
        .updateTable('comments')
        .set({ read_by_slug: null, read_by_run: null })
        .where('read_by_slug', '=', slug)
        .where('read_by_run', '=', run)
        .execute();
    },
  };
}

function byAge(a: CommentRecord, b: CommentRecord): number {
  return (
    a.sequence - b.sequence || kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind) || a.id - b.id
  );
}
