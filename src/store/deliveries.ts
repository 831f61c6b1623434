import type Database from 'better-sqlite3';
import { sql, type Kysely, type Selectable } from 'kysely';
import { orderKey } from '../domain/order-key.ts';
import type { Schema } from './schema.ts';
import type {
  Delivery,
  DeliveryState,
  DeliveryStore,
  ListedDelivery,
  NewDelivery,
} from './store.ts';

export function deliveryStore(db: Kysely<Schema>, database: Database.Database): DeliveryStore {
  const add = groupCommit(db, database, inserter(database));

  async function settle(
    sequence: number,
    state: DeliveryState,
    reason: string | null,
  ): Promise<void> {
    await db
      .updateTable('deliveries')
      .set({ state, reason })
      .where('sequence', '=', sequence)
      .execute();
  }

  return {
    add,

    async nextDue(now, busy, limit) {
      const rows = await db
        .with('first', (query) =>
          query
            .selectFrom('deliveries')
            .select((row) => row.fn.min('sequence').as('sequence'))
            .where('state', '=', 'waiting')
            .groupBy('order_key'),
        )
        .selectFrom('first')
        .innerJoin('deliveries', 'deliveries.sequence', 'first.sequence')
        .selectAll('deliveries')
        .where('due_at', '<=', now)
        .where('order_key', 'not in', [...busy])
        .orderBy('deliveries.sequence')
        .limit(limit)
        .execute();
      return rows.map(toDelivery);
    },

    markDispatched: (sequence) => settle(sequence, 'dispatched', null),
    markIgnored: (sequence, reason) => settle(sequence, 'ignored', reason),
    setAside: (sequence, reason) => settle(sequence, 'set-aside', reason),

    async postpone(sequence, reason, dueAt) {
      await db
        .updateTable('deliveries')
        .set((row) => ({ reason, due_at: dueAt, attempts: row('attempts', '+', 1) }))
        .where('sequence', '=', sequence)
        .execute();
    },

    async list({ state, repository, issue, since, until, after, limit }) {
      let query = db
        .selectFrom('deliveries')
        .select(listedColumns)
        .orderBy('sequence', 'desc')
        .limit(limit);
      if (state !== undefined) query = query.where('state', '=', state);
      if (repository !== undefined) {
        query =
          issue === undefined
            ? query.where('order_key', 'like', `${repository.id}/%`)
            : query.where('order_key', '=', orderKey(repository.id, issue));
      }
      if (since !== undefined) query = query.where('received_at', '>=', since);
      if (until !== undefined) query = query.where('received_at', '<', until);
      if (after !== undefined) query = query.where('sequence', '<', after);
      return (await query.execute()).map(toListedDelivery);
    },

    async emptySettled(receivedBefore) {
      // Literal, as the index has it: SQLite does not look for it with parameters.
      await sql`update deliveries set headers = '{}', body = x''
        where sequence in (
          select sequence from deliveries
          where state <> 'waiting' and length(body) > 0 and received_at < ${receivedBefore}
          order by received_at limit 1000
        )`.execute(db);
    },
  };
}

/**
 * Deliveries that arrive in the same turn of the event loop share one transaction and one fsync: that bounds how fast
 * a forge can be answered.
 */
function groupCommit(
  db: Kysely<Schema>,
  database: Database.Database,
  insert: (deliveries: readonly NewDelivery[]) => Added[],
): DeliveryStore['add'] {
  interface Pending {
    readonly delivery: NewDelivery;
    readonly added: PromiseWithResolvers<Added>;
  }
  let pending: Pending[] = [];

  async function commit(): Promise<void> {
    const batch = pending;
    pending = [];
    try {
      const deliveries = batch.map(({ delivery }) => delivery);
      // In between the statements of a transaction of Kysely's, a row could be acknowledged that is rolled back. Without one
      // its connection need not be waited for, which costs as much as the row.
      const rows = database.inTransaction
        ? await db.connection().execute(async () => insert(deliveries))
        : insert(deliveries);
      batch.forEach(({ added }, index) => added.resolve(rows[index] as Added));
    } catch (error) {
      batch.forEach(({ added }) => added.reject(error));
    }
  }

  return (delivery) => {
    if (pending.length === 0) {
      setImmediate(() => void commit());
    }
    const added = Promise.withResolvers<Added>();
    pending.push({ delivery, added });
    return added.promise;
  };
}

type Added = Awaited<ReturnType<DeliveryStore['add']>>;

/** Without Kysely, which costs as much as the statement itself: this one is in the way of every acknowledgement. */
function inserter(database: Database.Database): (deliveries: readonly NewDelivery[]) => Added[] {
  const columns = Object.keys(toRow({} as NewDelivery));
  // By place: looking the names up takes longer than the statement does.
  const add = database.prepare(
    `insert into deliveries (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})
     on conflict (digest) do nothing`,
  );
  const find = database.prepare<[string], { sequence: number }>(
    'select sequence from deliveries where digest = ?',
  );
  function addOne(delivery: NewDelivery): Added {
    // `returning` would take twice the time.
    const { changes, lastInsertRowid } = add.run(...Object.values(toRow(delivery)));
    if (changes === 1) {
      return { sequence: Number(lastInsertRowid), known: false };
    }
    const earlier = find.get(delivery.digest);
    if (earlier === undefined) {
      throw new Error(`the delivery ${delivery.digest} was neither added nor found`);
    }
    return { sequence: earlier.sequence, known: true };
  }
  const addAll = database.transaction((deliveries: readonly NewDelivery[]) =>
    deliveries.map(addOne),
  );
  return (deliveries) =>
    // A single statement is a transaction of its own.
    deliveries.length === 1 ? deliveries.map(addOne) : addAll(deliveries);
}

function toRow(delivery: NewDelivery) {
  return {
    digest: delivery.digest,
    delivery_id: delivery.deliveryId,
    event: delivery.event,
    order_key: delivery.orderKey,
    headers: JSON.stringify(delivery.headers),
    body: delivery.body,
    received_at: delivery.receivedAt,
    state: delivery.ignoredReason === undefined ? ('waiting' as const) : ('ignored' as const),
    reason: delivery.ignoredReason ?? null,
    due_at: 0,
    source: delivery.source ?? 'webhook',
  };
}

const listedColumns = [
  'sequence',
  'digest',
  'delivery_id',
  'event',
  'order_key',
  'received_at',
  'state',
  'reason',
  'attempts',
  'source',
] as const satisfies readonly (keyof Schema['deliveries'])[];

function toDelivery(row: Selectable<Schema['deliveries']>): Delivery {
  return {
    ...toListedDelivery(row),
    headers: JSON.parse(row.headers) as Record<string, string>,
    body: row.body,
  };
}

function toListedDelivery(
  row: Pick<Selectable<Schema['deliveries']>, (typeof listedColumns)[number]>,
): ListedDelivery {
  return {
    sequence: row.sequence,
    digest: row.digest,
    deliveryId: row.delivery_id,
    event: row.event,
    orderKey: row.order_key,
    receivedAt: row.received_at,
    state: row.state,
    reason: row.reason ?? undefined,
    attempts: row.attempts,
    source: row.source,
  };
}
