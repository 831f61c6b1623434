import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';

/** Of each schema there is one copy. */
const keptSchemas = 3;

/** More deliveries than arrive between an upgrade and the way back. */
const gap = 1_000_000;

/** A copy of the store, as its name has it: `<database>.<schema>.<time>`. */
export interface StoreCopy {
  readonly path: string;
  /** Name of the last migration that it has. */
  readonly schema: string;
}

/**
 * Copies a database to a file beside it, before its schema is changed: whole or not at all, whatever is killed meanwhile. It
 * is to take the database's place when somebody goes back: then its deliveries are numbered on from far beyond. Takes the place
 * of an older copy of the same schema, so that an upgrade that is tried again and again does not drive out the others; of
 * those the newest few are kept.
 * @param schema name of the last migration that the database has
 * @returns the copy's path
 */
export function copyStore(database: Database.Database, schema: string): string {
  const path = database.name;
  const draft = `${path}.copy-draft`;
  removeDraft(draft);
  try {
    // SQLite fills a file that is empty, and would make one that others may read.
    closeSync(openSync(draft, 'wx', 0o600));
    database.prepare('vacuum into ?').run(draft);
    leaveGap(draft);
    syncToDisk(draft);
    const time = new Date().toISOString().replaceAll(':', '').replace(/\.\d+/, '');
    const copy = `${path}.${schema}.${time}`;
    renameSync(draft, copy);
    syncToDisk(dirname(path));
    removeOlder(path, copy);
    return copy;
  } catch (error) {
    removeDraft(draft);
    throw error;
  }
}

/**
 * A workflow takes no delivery whose number is below one that it has seen. Those that arrive after the copy have numbers
 * of which the copy does not know, and would give them again once it is put in the database's place.
 */
function leaveGap(copy: string): void {
  const database = new Database(copy);
  try {
    database
      .prepare(
        `insert into deliveries
           (sequence, digest, delivery_id, event, order_key, headers, body, received_at, state, reason, due_at)
         select last + @gap, 'gap ' || last, '', 'gap', '', '{}', x'', @now, 'ignored', @reason, 0
         from (select coalesce(max(sequence), 0) as last from deliveries)`,
      )
      .run({ gap, now: Date.now(), reason: 'what was delivered after this copy was made' });
  } finally {
    database.close();
  }
}

/** With the journal that SQLite would roll back into the next one. */
function removeDraft(draft: string): void {
  for (const file of [draft, `${draft}-journal`]) rmSync(file, { force: true });
}

/** The copies beside a database, the newest schema first, and of one schema the newest first. */
export function listCopies(path: string): StoreCopy[] {
  const prefix = `${basename(path)}.`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix))
    .toSorted()
    .toReversed()
    .flatMap((name) => {
      const schema = /^(\d{4}-[a-z\d-]+)\.\d{4}-\d\d-\d\dT\d{6}Z$/.exec(name.slice(prefix.length));
      return schema?.[1] === undefined
        ? []
        : [{ path: join(dirname(path), name), schema: schema[1] }];
    });
}

function removeOlder(path: string, newest: string): void {
  const copies = listCopies(path);
  const made = copies.find((copy) => copy.path === newest);
  const kept = new Set([...new Set(copies.map(({ schema }) => schema))].slice(0, keptSchemas));
  for (const copy of copies) {
    const isReplaced = copy.schema === made?.schema && copy !== made;
    if (copy !== made && (isReplaced || !kept.has(copy.schema))) rmSync(copy.path, { force: true });
  }
}

function syncToDisk(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
