import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { expect, onTestFinished, test } from 'vitest';
import { firstSchema } from '../../src/store/migrations/0001-first-schema.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { until } from '../support/until.ts';
import { freshPath, freshStore, widgets } from './fresh-store.ts';

/** A store as the first version left it. @param megabytes how much there is to copy */
async function oldStore(megabytes = 0): Promise<string> {
  const path = freshPath();
  const database = new Database(path);
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: async () => ({ '0001-first-schema': firstSchema }) },
  }).migrateToLatest();
  expect(error).toBeUndefined();
  const insert = database.prepare('insert into own_comments (repository_id, id) values (1, 7)');
  insert.run();
  if (megabytes > 0) {
    database.exec('create table ballast (data blob)');
    const add = database.prepare('insert into ballast values (zeroblob(1048576))');
    for (let i = 0; i < megabytes; i++) add.run();
  }
  await db.destroy();
  return path;
}

const copiesOf = (path: string): string[] =>
  readdirSync(dirname(path))
    .filter((name) => name.startsWith(`${basename(path)}.`))
    .toSorted();

/** @returns the delivery's number */
async function add(store: Store, digest: string): Promise<number> {
  const { sequence } = await store.deliveries.add({
    digest,
    deliveryId: digest,
    event: 'issues',
    orderKey: '1/1',
    headers: {},
    body: Buffer.from('{}'),
    receivedAt: Date.now(),
  });
  return sequence;
}

/** What SQLite finds wrong in a file, and the last migration in it. */
function look(file: string): { integrity: unknown; schema: unknown } {
  const database = new Database(file, { readonly: true });
  try {
    return {
      integrity: database.pragma('integrity_check', { simple: true }),
      schema: database.prepare('select max(name) from kysely_migration').pluck().get(),
    };
  } finally {
    database.close();
  }
}

test('before its schema is changed the store is copied, with schema and time in the name, for its owner alone', async () => {
  const path = await oldStore();
  const told: string[] = [];
  const store = await openStore(path, { onCopied: (copy) => told.push(copy) });
  onTestFinished(() => store.close());

  const [copy = ''] = copiesOf(path);
  expect(copiesOf(path)).toHaveLength(1);
  expect(copy).toMatch(/^orchestrator\.db\.0001-first-schema\.\d{4}-\d\d-\d\dT\d{6}Z$/);
  expect(told).toEqual([join(dirname(path), copy)]);
  const file = join(dirname(path), copy);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(look(file)).toEqual({ integrity: 'ok', schema: '0001-first-schema' });
});

test('the copy in the place of the database is the store as it was', async () => {
  const path = await oldStore();
  await (await openStore(path)).close();
  const store = await openStore(join(dirname(path), copiesOf(path)[0] ?? ''));
  onTestFinished(() => store.close());
  expect(await store.comments.isOwn(1, 7)).toBe(true);
});

test('a delivery that arrives in the copy gets no number that was given since it was made', async () => {
  const path = await oldStore();
  const store = await openStore(path);
  const since = await add(store, 'after the upgrade');
  await store.close();

  const older = await openStore(join(dirname(path), copiesOf(path)[0] ?? ''));
  onTestFinished(() => older.close());
  expect(await add(older, 'after the way back')).toBeGreaterThan(since + 100_000);
  expect(await older.deliveries.nextDue(Date.now(), new Set(), 10)).toHaveLength(1);
});

test('an older program that finds a newer store names the newest copy that it can read', async () => {
  const path = await oldStore();
  await (await openStore(path)).close();
  const [copy = ''] = copiesOf(path);
  writeFileSync(`${path}.9998-later.2030-01-01T000000Z`, '');
  const database = new Database(path);
  database.exec("insert into kysely_migration values ('9999-latest', '2030-01-01T00:00:00Z')");
  database.close();
  await expect(openStore(path)).rejects.toThrow(`or put ${join(dirname(path), copy)} in its place`);
});

test('a new store and one that is up to date are not copied', async () => {
  const path = freshPath();
  await (await openStore(path)).close();
  await (await freshStore(path)).repositories.see(widgets);
  expect(copiesOf(path)).toEqual([]);
});

test('of each schema the newest copy is kept, and of schemas the newest few', async () => {
  const path = await oldStore();
  const others = [
    '0001-first-schema.2020-01-01T000000Z',
    '0000-a.2020-01-01T000000Z',
    '0000-b.2020-01-01T000000Z',
    '0000-c.2020-01-01T000000Z',
  ];
  for (const name of [...others, 'kept-by-hand']) writeFileSync(`${path}.${name}`, '');

  await freshStore(path);

  expect(copiesOf(path)).toEqual([
    'orchestrator.db.0000-b.2020-01-01T000000Z',
    'orchestrator.db.0000-c.2020-01-01T000000Z',
    expect.stringMatching(/^orchestrator\.db\.0001-first-schema\.202[^0]/),
    'orchestrator.db.kept-by-hand',
  ]);
});

test('killed while it copies, it leaves nothing half: the store is as it was, and the next start makes the copy', async () => {
  const path = await oldStore(200);
  const draft = `${path}.copy-draft`;
  const opener = spawn(process.execPath, [join(import.meta.dirname, 'open-once.ts'), path], {
    stdio: 'ignore',
  });
  const closed = new Promise((resolve) => opener.once('close', (...end) => resolve(end)));
  await until('the copy to grow', () => existsSync(draft) && statSync(draft).size > 1_000_000);
  opener.kill('SIGKILL');
  expect(await closed).toEqual([null, 'SIGKILL']);
  expect(copiesOf(path)).toEqual([basename(draft), `${basename(draft)}-journal`]);
  expect(look(path)).toEqual({ integrity: 'ok', schema: '0001-first-schema' });

  await freshStore(path);

  const [copy = '', ...more] = copiesOf(path);
  expect(more).toEqual([]);
  expect(look(join(dirname(path), copy))).toEqual({
    integrity: 'ok',
    schema: '0001-first-schema',
  });
});
