import { mkdtempSync, openSync, renameSync, rmSync, writeSync, closeSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inspectStore, storeChecks } from '../../src/doctor/store.ts';
import { openStore } from '../../src/store/open-store.ts';
import { look } from './look.ts';

let home: string;
let path: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'doctor-'));
  path = join(home, 'orchestrator.db');
  await (await openStore(path)).close();
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

const examine = (check: string) => look(storeChecks(path), check);

function change(statement: string): void {
  const database = new Database(path);
  database.exec(statement);
  database.close();
}

test('passes a store, also while the orchestrator has it open', async () => {
  const store = await openStore(path);
  expect(await examine('store')).toEqual([{ verdict: 'pass', seen: `${path} is whole` }]);
  expect(await examine('schema of the store')).toMatchObject([{ verdict: 'pass' }]);
  await store.close();
});

test('passes a store that is not there yet', async () => {
  rmSync(path);
  expect(await examine('schema of the store')).toMatchObject([{ verdict: 'pass' }]);
});

test('fails for a store of a newer version, until a copy of before is in its place', async () => {
  change(`vacuum into '${path}.copy'`);
  change("insert into kysely_migration values ('9999-dashboards', '2030-01-01T00:00:00Z')");
  expect(await examine('schema of the store')).toEqual([
    {
      verdict: 'fail',
      seen: 'it was written by a newer version of the program, with 9999-dashboards',
      fix: 'Run that version, or put a copy in its place that was made before the upgrade.',
    },
  ]);
  renameSync(`${path}.copy`, path);
  expect(await examine('schema of the store')).toMatchObject([{ verdict: 'pass' }]);
});

test('warns of a store of an older version, until the orchestrator has brought it up to date', async () => {
  rmSync(path);
  change('create table kysely_migration (name text primary key, timestamp text not null)');
  expect(await examine('schema of the store')).toMatchObject([
    { verdict: 'warn', seen: expect.stringContaining('0001-first-schema') },
  ]);
  rmSync(path);
  await (await openStore(path)).close();
  expect(await examine('schema of the store')).toMatchObject([{ verdict: 'pass' }]);
});

test('fails for a damaged store, until it is moved away', async () => {
  change('create table ballast (text)');
  change(
    'insert into ballast select hex(randomblob(500)) from generate_series(1, 200)'.replace(
      'generate_series(1, 200)',
      '(with recursive n(i) as (select 1 union all select i + 1 from n where i < 200) select i from n)',
    ),
  );
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(40_000, 0xff), 0, 40_000, statSync(path).size - 60_000);
  closeSync(file);
  expect(await examine('store')).toMatchObject([
    {
      verdict: 'fail',
      seen: expect.stringContaining('is damaged'),
      fix: expect.stringContaining('move it away'),
    },
  ]);
  expect(await examine('schema of the store')).toMatchObject([
    { verdict: 'skipped', seen: 'needs store' },
  ]);
  renameSync(path, `${path}.damaged`);
  expect(await examine('store')).toMatchObject([{ verdict: 'pass' }]);
});

test('fails for what is no database', async () => {
  rmSync(path);
  const file = openSync(path, 'w');
  writeSync(file, 'not a database, '.repeat(100));
  closeSync(file);
  expect(await examine('store')).toMatchObject([
    { verdict: 'fail', seen: expect.stringContaining('SQLITE_NOTADB') },
  ]);
});

test('reading it can be ended at any time', async () => {
  const over = AbortSignal.abort();
  await expect(inspectStore(path, over)).rejects.toThrow(/abort/i);
});
