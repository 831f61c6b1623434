import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import {
  Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  type SqliteStatement,
  sql,
} from 'kysely';
import { Migrator } from 'kysely/migration';
import { ConfigError } from '../domain/errors.ts';
import { apiTokenStore } from './api-tokens.ts';
import { commentStore } from './comments.ts';
import { copyStore, listCopies } from './copies.ts';
import { deliveryStore } from './deliveries.ts';
import { issueStore } from './issues.ts';
import { migrations } from './migrations/all.ts';
import { notificationStore } from './notifications.ts';
import { operationStore } from './operations.ts';
import { reconcileStore } from './reconcile.ts';
import { repositoryStore } from './repositories.ts';
import { runStore } from './runs.ts';
import type { Schema } from './schema.ts';
import { stateChangeStore } from './state-changes.ts';
import type { Store } from './store.ts';

/** A wait for a lock blocks the whole process, heartbeats too, so it is short. */
const busyTimeoutMs = 2_000;
/** 32 MiB. A checkpoint waits for the disk, and a page that was written many times until then is copied once. */
const checkpointPages = 8_192;

export interface OpenStoreOptions {
  /** Told of the copy that was made, because the schema is going to change. */
  readonly onCopied?: (copy: string) => void;
}

/**
 * Opens the database at `path`, made with its directory when absent (modes 0600 and 0700), and brings its schema up to
 * date: all of the missing migrations, or none. Before that what is in it is copied: see `copyStore`.
 * @throws ConfigError when the file is damaged, locked, not accessible, or of a newer version of the program, or when there is
 * no space for the copy
 */
export async function openStore(path: string, { onCopied }: OpenStoreOptions = {}): Promise<Store> {
  const database = connect(path);
  const db = new Kysely<Schema>({
    dialect: new TransactionalDdlDialect({ database: preparingOnce(database) }),
  });
  try {
    const executed = await executedMigrations(db);
    refuseNewerSchema(executed, path);
    const schema = executed.at(-1);
    if (schema !== undefined && executed.length < Object.keys(migrations).length) {
      const copy = copyStore(database, schema);
      onCopied?.(copy);
    }
    const { error } = await new Migrator({
      db,
      provider: { getMigrations: async () => migrations },
    }).migrateToLatest();
    if (error !== undefined) {
      throw error;
    }
  } catch (error) {
    database.close();
    throw explained(path, error);
  }
  return {
    deliveries: deliveryStore(db, database),
    repositories: repositoryStore(db),
    issues: issueStore(db),
    comments: commentStore(db),
    runs: runStore(db),
    operations: operationStore(db),
    apiTokens: apiTokenStore(db),
    notifications: notificationStore(db),
    stateChanges: stateChangeStore(db),
    reconcile: reconcileStore(db),
    close: () => db.destroy(),
  };
}

/** Kysely prepares a statement at each call, a third of what a small one costs. Ours are few: the texts are all in here. */
function preparingOnce(database: Database.Database): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => void database.close(),
    prepare(text) {
      const statement = statements.get(text) ?? database.prepare(text);
      statements.set(text, statement);
      return statement;
    },
  };
}

/** Kysely leaves migrations without a transaction on SQLite, which rolls DDL back as well as any other. */
class TransactionalDdlDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new (class extends SqliteAdapter {
      override get supportsTransactionalDdl(): boolean {
        return true;
      }
    })();
  }
}

function connect(path: string): Database.Database {
  let database: Database.Database | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // SQLite gives its -wal and -shm files the mode of the database, so that has to be right before it opens it.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    database = new Database(path, { timeout: busyTimeoutMs });
    setPragma(database, 'journal_mode', 'WAL', 'wal');
    setPragma(database, 'synchronous', 'FULL', 2);
    setPragma(database, 'foreign_keys', 'ON', 1);
    setPragma(database, 'wal_autocheckpoint', String(checkpointPages), checkpointPages);
    return database;
  } catch (error) {
    database?.close();
    throw explained(path, error);
  }
}

function setPragma(
  database: Database.Database,
  name: string,
  value: string,
  expected: string | number,
): void {
  database.pragma(`${name} = ${value}`);
  const actual = database.pragma(name, { simple: true });
  if (actual !== expected) {
    throw new ConfigError(
      `${database.name}: SQLite refuses ${name}=${value} (it stays ${String(actual)}), without which an acknowledged ` +
        'delivery may be lost. Put the data directory on a local disk.',
    );
  }
}

/** Their names, in order; none where the database is new. */
async function executedMigrations(db: Kysely<Schema>): Promise<string[]> {
  const tables = await sql`select 1 from sqlite_schema where name = 'kysely_migration'`.execute(db);
  if (tables.rows.length === 0) {
    return [];
  }
  const { rows } = await sql<{ name: string }>`
    select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name);
}

function refuseNewerSchema(executed: readonly string[], path: string): void {
  const unknown = executed.filter((name) => !(name in migrations));
  if (unknown.length > 0) {
    const copy = listCopies(path).find(({ schema }) => schema in migrations)?.path;
    throw new ConfigError(
      `${path} was written by a newer version of the program: this one does not know the schema change ` +
        `${unknown.join(', ')}. Run that version, or put ${copy ?? 'a copy made before the upgrade'} in its place.`,
    );
  }
}

function explained(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const problem = problems.find(([pattern]) => pattern.test(code))?.[1];
  return problem === undefined
    ? error
    : new ConfigError(`${path} ${problem} (${code})`, { cause: error });
}

const problems: readonly (readonly [RegExp, string])[] = [
  [
    /^(SQLITE_FULL|ENOSPC)/,
    'cannot be copied before its schema is changed, or not be changed: the disk is full. Make room for another file of its size.',
  ],
  [
    /^SQLITE_(NOTADB|CORRUPT)/,
    'is damaged or no SQLite database. Restore a copy, or move the file away to begin with an empty store.',
  ],
  [/^SQLITE_(BUSY|LOCKED)/, 'is locked by another program. Only the orchestrator may open it.'],
  [
    /^(SQLITE_(CANTOPEN|READONLY|PERM)|EACCES|EPERM|EROFS|EISDIR|ENOTDIR|EEXIST)/,
    'cannot be opened for writing. Check the path, and that this user owns it.',
  ],
];
