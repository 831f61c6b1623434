import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';
import type { StateChangeKind, StateChangeStore } from './store.ts';

/** The forge's clock has whole seconds, and tells a change in its payload and in its list a moment apart. */
const sameWithinMs = 2_000;

export function stateChangeStore(db: Kysely<Schema>): StateChangeStore {
  function find(
    source: Kysely<Schema>,
    repositoryId: number,
    number: number,
    change: StateChangeKind,
  ) {
    return source
      .selectFrom('state_changes')
      .select(['at', 'sequence'])
      .where('repository_id', '=', repositoryId)
      .where('number', '=', number)
      .where('change', '=', change)
      .executeTakeFirst();
  }

  return {
    see: ({ repositoryId, number, change, at, sequence }) =>
      db.transaction().execute(async (transaction) => {
        const newest = await find(transaction, repositoryId, number, change);
        if (newest !== undefined && at <= newest.at + sameWithinMs) {
          return newest.sequence === sequence;
        }
        await transaction
          .replaceInto('state_changes')
          .values({ repository_id: repositoryId, number, change, at, sequence })
          .execute();
        return true;
      }),

    async isKnown(repositoryId, number, change, at) {
      const newest = await find(db, repositoryId, number, change);
      return newest !== undefined && at <= newest.at + sameWithinMs;
    },
  };
}
