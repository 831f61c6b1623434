/** Program: prints what is in a store as JSON, and changes nothing. Its only argument is the path. */
import Database from 'better-sqlite3';

export interface InspectedStore {
  /** SQLite's code, when it cannot be read at all. */
  readonly error: string | undefined;
  /** What SQLite's own check finds, one line each; none: it is whole. */
  readonly damage: readonly string[];
  /** Names of the schema changes that were made, in order. */
  readonly migrations: readonly string[];
  /** As they are called now. */
  readonly repositories: readonly InspectedRepository[];
  /** The newest first. */
  readonly deliveries: readonly InspectedDelivery[];
}

export interface InspectedRepository {
  readonly id: number;
  readonly owner: string;
  readonly name: string;
  /** Epoch milliseconds of its last delivery. */
  readonly lastDelivery: number | null;
}

/** A webhook delivery without its body. */
export interface InspectedDelivery {
  readonly sequence: number;
  readonly event: string;
  readonly orderKey: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
}

const deliveriesShown = 100;

function inspect(path: string): InspectedStore {
  const nothing = {
    error: undefined,
    damage: [],
    migrations: [],
    repositories: [],
    deliveries: [],
  };
  let database: Database.Database | undefined;
  try {
    database = new Database(path, { readonly: true, fileMustExist: true, timeout: 2_000 });
    const damage = (database.pragma('quick_check(20)') as { quick_check: string }[])
      .map((row) => row.quick_check)
      .filter((line) => line !== 'ok');
    if (damage.length > 0) return { ...nothing, damage };
    return {
      ...nothing,
      migrations: rowsOf<{ name: string }>(
        database,
        'kysely_migration',
        'select name from kysely_migration order by name',
      ).map(({ name }) => name),
      repositories: rowsOf<InspectedRepository>(
        database,
        'repositories',
        `select id, owner, name, last as lastDelivery from repositories
         left join (
           select cast(order_key as integer) as repository, max(received_at) as last from deliveries
           group by repository
         ) on repository = id
         order by owner, name`,
      ),
      deliveries: rowsOf<InspectedDelivery>(
        database,
        'deliveries',
        `select sequence, event, order_key as orderKey, received_at as receivedAt, state, reason, attempts
         from deliveries order by sequence desc limit ${deliveriesShown}`,
      ),
    };
  } catch (error) {
    return { ...nothing, error: (error as { code?: string }).code ?? String(error) };
  } finally {
    database?.close();
  }
}

/** A file that was only just made has no tables. */
function rowsOf<Row>(database: Database.Database, table: string, query: string): Row[] {
  const found = database.prepare('select 1 from sqlite_schema where name = ?').get(table);
  return found === undefined ? [] : (database.prepare(query).all() as Row[]);
}

process.stdout.write(JSON.stringify(inspect(process.argv[2] ?? '')));
