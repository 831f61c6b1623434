import type { Kysely, Selectable } from 'kysely';
import type { RepositoryRef } from '../domain/issue.ts';
import type { Schema } from './schema.ts';
import type { RepositoryStore } from './store.ts';

export function repositoryStore(db: Kysely<Schema>): RepositoryStore {
  function find(source: Kysely<Schema>, forgeHost: string, id: number) {
    return source
      .selectFrom('repositories')
      .selectAll()
      .where('forge_host', '=', forgeHost)
      .where('id', '=', id)
      .executeTakeFirst();
  }

  return {
    async see(current) {
      const known = await find(db, current.forgeHost, current.id);
      if (known !== undefined && known.owner === current.owner && known.name === current.name) {
        return toNames(known);
      }
      const row = await db.transaction().execute(async (transaction) => {
        const earlier = await find(transaction, current.forgeHost, current.id);
        const first =
          earlier === undefined
            ? { first_owner: current.owner, first_name: await freeFirstName(transaction, current) }
            : { first_owner: earlier.first_owner, first_name: earlier.first_name };
        const seen = {
          forge_host: current.forgeHost,
          id: current.id,
          ...first,
          owner: current.owner,
          name: current.name,
          named_at: Date.now(),
        };
        await transaction.replaceInto('repositories').values(seen).execute();
        return seen;
      });
      return toNames(row);
    },

    async byId(forgeHost, id) {
      const row = await find(db, forgeHost, id);
      return row === undefined ? undefined : toNames(row);
    },

    async all() {
      const rows = await db.selectFrom('repositories').selectAll().orderBy('named_at').execute();
      return rows.map(toNames);
    },

    async byName(owner, name) {
      const named = db.selectFrom('repositories').selectAll();
      const row =
        (await named
          .where('owner', '=', owner)
          .where('name', '=', name)
          // A deleted repository keeps its name here: of two with one name, the later bearer has it now.
          .orderBy('named_at', 'desc')
          .executeTakeFirst()) ??
        (await named
          .where('first_owner', '=', owner)
          .where('first_name', '=', name)
          .executeTakeFirst());
      return row === undefined ? undefined : toNames(row);
    },

    async wasTold(repositoryId, what) {
      const row = await db
        .selectFrom('told_once')
        .select('what')
        .where('repository_id', '=', repositoryId)
        .where('what', '=', what)
        .executeTakeFirst();
      return row !== undefined;
    },

    async markTold(repositoryId, what) {
      await db
        .insertInto('told_once')
        .values({ repository_id: repositoryId, what })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
  };
}

/**
 * A name whose first bearer was renamed or deleted can come back as another repository. That one is first seen as
 * `name~2`, which no forge allows as a name, so that their issues never share a workflow.
 */
async function freeFirstName(db: Kysely<Schema>, current: RepositoryRef): Promise<string> {
  for (let bearer = 1; ; bearer++) {
    const name = bearer === 1 ? current.name : `${current.name}~${bearer}`;
    const taken = await db
      .selectFrom('repositories')
      .select('id')
      .where('forge_host', '=', current.forgeHost)
      .where('first_owner', '=', current.owner)
      .where('first_name', '=', name)
      .executeTakeFirst();
    if (taken === undefined) {
      return name;
    }
  }
}

function toNames(row: Selectable<Schema['repositories']>): {
  firstSeen: RepositoryRef;
  current: RepositoryRef;
} {
  const { forge_host: forgeHost, id } = row;
  return {
    firstSeen: { forgeHost, id, owner: row.first_owner, name: row.first_name },
    current: { forgeHost, id, owner: row.owner, name: row.name },
  };
}
