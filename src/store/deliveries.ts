import type { Kysely, Selectable } from 'kysely';
import type { Schema } from './schema.ts';
import type { Delivery, DeliveryState, DeliveryStore, NewDelivery } from './store.ts';

/** Bounds one statement's parameters, and the memory of one transaction. */
const batchLimit = 64;

export function deliveryStore(db: Kysely<Schema>): DeliveryStore {
  const add = groupCommit(db);

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

    async list({ state, limit }) {
      let query = db.selectFrom('deliveries').selectAll().orderBy('sequence', 'desc').limit(limit);
      if (state !== undefined) {
        query = query.where('state', '=', state);
      }
      return (await query.execute()).map(toDelivery);
    },
  };
}

/**
 * Deliveries that arrive in the same turn of the event loop share one statement, hence one transaction and one fsync:
 * that bounds how fast a forge can be answered.
 */
function groupCommit(db: Kysely<Schema>): DeliveryStore['add'] {
  interface Pending {
    readonly delivery: NewDelivery;
    readonly added: PromiseWithResolvers<{ sequence: number; known: boolean }>;
  }
  let pending: Pending[] = [];

  async function commit(batch: readonly Pending[]): Promise<void> {
    try {
      const sequences = await insert(
        db,
        batch.map(({ delivery }) => delivery),
      );
      const claimed = new Set<string>();
      for (const { delivery, added } of batch) {
        const { sequence, known } = sequences(delivery.digest);
        added.resolve({ sequence, known: known || claimed.has(delivery.digest) });
        claimed.add(delivery.digest);
      }
    } catch (error) {
      for (const { added } of batch) {
        added.reject(error);
      }
    }
  }

  return (delivery) => {
    if (pending.length === 0) {
      setImmediate(() => {
        const batch = pending;
        pending = [];
        for (let start = 0; start < batch.length; start += batchLimit) {
          void commit(batch.slice(start, start + batchLimit));
        }
      });
    }
    const added = Promise.withResolvers<{ sequence: number; known: boolean }>();
    pending.push({ delivery, added });
    return added.promise;
  };
}

async function insert(
  db: Kysely<Schema>,
  deliveries: readonly NewDelivery[],
): Promise<(digest: string) => { sequence: number; known: boolean }> {
  const inserted = await db
    .insertInto('deliveries')
    .values(deliveries.map(toRow))
    .onConflict((conflict) => conflict.column('digest').doNothing())
    .returning(['sequence', 'digest'])
    .execute();
  const fresh = new Map(inserted.map(({ digest, sequence }) => [digest, sequence]));
  const missing = deliveries.map(({ digest }) => digest).filter((digest) => !fresh.has(digest));
  const earlier = new Map<string, number>();
  if (missing.length > 0) {
    const rows = await db
      .selectFrom('deliveries')
      .select(['sequence', 'digest'])
      .where('digest', 'in', missing)
      .execute();
    for (const { digest, sequence } of rows) {
      earlier.set(digest, sequence);
    }
  }
  return (digest) => {
    const sequence = fresh.get(digest) ?? earlier.get(digest);
    if (sequence === undefined) {
      throw new Error(`the delivery ${digest} was neither added nor found`);
    }
    return { sequence, known: !fresh.has(digest) };
  };
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
  };
}

function toDelivery(row: Selectable<Schema['deliveries']>): Delivery {
  return {
    sequence: row.sequence,
    digest: row.digest,
    deliveryId: row.delivery_id,
    event: row.event,
    orderKey: row.order_key,
    headers: JSON.parse(row.headers) as Record<string, string>,
    body: row.body,
    receivedAt: row.received_at,
    state: row.state,
    reason: row.reason ?? undefined,
    attempts: row.attempts,
  };
}
