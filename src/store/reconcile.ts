import { type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';
import type { ReconcileStore } from './store.ts';

const sameWithinMs = 2_000;
const turnsKept = 1_000;

export function reconcileStore(db: Kysely<Schema>): ReconcileStore {
  function findLook(repositoryId: number, number: number, changedAt: number) {
    return db
      .selectFrom('reconcile_looks')
      .select(['first_at', 'settled'])
      .where('repository_id', '=', repositoryId)
      .where('number', '=', number)
      .where('changed_at', '=', changedAt)
      .executeTakeFirst();
  }

  return {
    async cursors() {
      const rows = await db.selectFrom('reconcile_cursors').selectAll().execute();
      return new Map(rows.map(({ repository_id: id, since }) => [id, since]));
    },

    async moveCursors(repositoryIds, since) {
      await db.transaction().execute(async (transaction) => {
        for (const id of repositoryIds) {
          await transaction
            .insertInto('reconcile_cursors')
            .values({ repository_id: id, since })
            .onConflict((conflict) =>
              conflict
                .column('repository_id')
                .doUpdateSet({ since: sql<number>`max(since, excluded.since)` }),
            )
            .execute();
          await transaction
            .deleteFrom('reconcile_looks')
            .where('repository_id', '=', id)
            .where('changed_at', '<', since)
            .execute();
        }
      });
    },

    async isSettled({ repositoryId, number, changedAt }) {
      return (await findLook(repositoryId, number, changedAt))?.settled === 1;
    },

    async recordLook({ repositoryId, number, changedAt }, beganAt) {
      const earlier = await findLook(repositoryId, number, changedAt);
      const firstAt = earlier?.first_at ?? beganAt;
      await db
        .replaceInto('reconcile_looks')
        .values({
          repository_id: repositoryId,
          number,
          changed_at: changedAt,
          first_at: firstAt,
          settled: beganAt - firstAt >= sameWithinMs ? 1 : 0,
        })
        .execute();
    },

    async recordShown(repositoryId, number, headCommit) {
      await db
        .replaceInto('shown_commits')
        .values({ repository_id: repositoryId, number, head_commit: headCommit })
        .execute();
    },

    async shownCommit(repositoryId, number) {
      const row = await db
        .selectFrom('shown_commits')
        .select('head_commit')
        .where('repository_id', '=', repositoryId)
        .where('number', '=', number)
        .executeTakeFirst();
      return row?.head_commit;
    },

    async recordTurn({ beganAt, endedAt, requests, lookedAt, found, problem }) {
      await db.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('reconcile_turns')
          .values({
            began_at: beganAt,
            ended_at: endedAt,
            requests,
            looked_at: lookedAt,
            found: JSON.stringify(found),
            problem: problem ?? null,
          })
          .execute();
        await transaction
          .deleteFrom('reconcile_turns')
          .where('rowid', '<=', (query) =>
            query
              .selectFrom('reconcile_turns')
              .select((row) => row(row.fn.max('rowid'), '-', turnsKept).as('oldest')),
          )
          .execute();
      });
    },

    async turns(limit) {
      const rows = await db
        .selectFrom('reconcile_turns')
        .selectAll()
        .orderBy('rowid', 'desc')
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        beganAt: row.began_at,
        endedAt: row.ended_at,
        requests: row.requests,
        lookedAt: row.looked_at,
        found: JSON.parse(row.found) as Record<string, number>,
        problem: row.problem ?? undefined,
      }));
    },
  };
}
