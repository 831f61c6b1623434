import type { Kysely, Selectable } from 'kysely';
import type { Operation } from '../domain/operation.ts';
import { isOneOf } from './filters.ts';
import type { Schema } from './schema.ts';
import type { OperationStore } from './store.ts';

/**
 * The cursor is the highest sequence number among the rows themselves: the two cannot disagree.
 */
export function operationStore(db: Kysely<Schema>): OperationStore {
  async function lastSequence(source: Kysely<Schema>, slug: string, run: number): Promise<number> {
    const row = await source
      .selectFrom('operations')
      .select((select) => select.fn.max<number | null>('sequence').as('last'))
      .where('slug', '=', slug)
      .where('run', '=', run)
      .executeTakeFirst();
    return row?.last ?? 0;
  }

  return {
    async append(slug, run, operations) {
      await db.transaction().execute(async (transaction) => {
        const last = await lastSequence(transaction, slug, run);
        const fresh = operations.filter(({ sequence }) => sequence > last);
        for (const [index, { sequence }] of fresh.entries()) {
          if (sequence !== last + index + 1) {
            throw new Error(
              `the op log of ${slug}, run ${run} ends at ${last + index}: operation ${sequence} would leave a gap`,
            );
          }
        }
        for (const operation of fresh) {
          await transaction
            .insertInto('operations')
            .values(toRow(slug, run, operation))
            .execute();
        }
      });
    },

    lastSequence: (slug, run) => lastSequence(db, slug, run),

    async ofSlug(slug, { run, operations, outcomes, since, until, after, limit } = {}) {
      let query = db
        .selectFrom('operations')
        .selectAll()
        .where('slug', '=', slug)
        .orderBy('run')
        .orderBy('sequence');
      if (run !== undefined) query = query.where('run', '=', run);
      if (operations !== undefined) query = query.where(isOneOf('operation', operations));
      if (outcomes !== undefined) query = query.where(isOneOf('outcome', outcomes));
      if (since !== undefined) query = query.where('at', '>=', since);
      if (until !== undefined) query = query.where('at', '<', until);
      if (after !== undefined) {
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple('run', 'sequence'), '>', tuple(after.run, after.sequence)),
        );
      }
      if (limit !== undefined) query = query.limit(limit);
      return (await query.execute()).map(toOperation);
    },
  };
}

function toRow(slug: string, run: number, operation: Operation) {
  return {
    slug,
    run,
    sequence: operation.sequence,
    at: operation.at,
    operation: operation.operation,
    target: operation.target,
    arguments_digest: operation.argumentsDigest,
    arguments_short: operation.argumentsShort,
    outcome: operation.outcome,
    reason: operation.reason ?? null,
    duration_ms: operation.durationMs,
  };
}

function toOperation(row: Selectable<Schema['operations']>): Operation & { readonly run: number } {
  return {
    run: row.run,
    sequence: row.sequence,
    at: row.at,
    operation: row.operation,
    target: row.target,
    argumentsDigest: row.arguments_digest,
    argumentsShort: row.arguments_short,
    outcome: row.outcome,
    ...(row.reason !== null && { reason: row.reason }),
    durationMs: row.duration_ms,
  };
}
