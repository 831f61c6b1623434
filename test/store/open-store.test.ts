import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { ConfigError } from '../../src/domain/errors.ts';
import { firstSchema } from '../../src/store/migrations/0001-first-schema.ts';
import { openStore } from '../../src/store/open-store.ts';
import { freshPath, freshStore, issueOf, widgets } from './fresh-store.ts';

async function refusal(path: string): Promise<ConfigError> {
  const error = await openStore(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error as ConfigError;
}

describe('opening the store', () => {
  test('makes the file and its directory, readable by their owner alone', async () => {
    const path = join(dirname(freshPath()), 'data', 'orchestrator.db');
    const store = await freshStore(path);
    await store.repositories.see(widgets);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    for (const file of [path, `${path}-wal`, `${path}-shm`]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  test('takes rights away from a file that others could read', async () => {
    const path = freshPath();
    writeFileSync(path, '', { mode: 0o644 });
    await freshStore(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('finds everything again in another instance', async () => {
    const path = freshPath();
    const first = await openStore(path);
    await first.repositories.see(widgets);
    await first.comments.recordOwn(1, 7);
    await first.issues.markUntargeted(issueOf(1), 5);
    await first.close();
    const second = await freshStore(path);
    expect(await second.repositories.byId('gitea.example', 1)).toBeDefined();
    expect(await second.comments.isOwn(1, 7)).toBe(true);
    expect(await second.issues.untargetedSince(issueOf(1))).toBe(5);
  });

  test('keeps the runs of the first schema: scripts, without a model', async () => {
    const path = freshPath();
    const database = new Database(path);
    const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
    const { error } = await new Migrator({
      db,
      provider: { getMigrations: async () => ({ '0001-first-schema': firstSchema }) },
    }).migrateToLatest();
    expect(error).toBeUndefined();
    database.exec(`insert into runs
      (slug, run, owner, repo, issue_number, forge_host, repository_id, life, agent_name, bottle_names,
       backend_name, host_id, prompt, prompt_digest, cause, prepared_at, started_at)
      values ('acme-widgets-1-00000001', 1, 'acme', 'widgets', 1, 'gitea.example', 1, 1, 'demo', '["default"]',
       'local', 'host', 'Do it.', 'digest', 'the issue', 1000, 2000)`);
    await db.destroy();
    const { runs } = await freshStore(path);
    expect(await runs.ofIssue(issueOf(1))).toMatchObject([
      {
        slug: 'acme-widgets-1-00000001',
        startedAt: 2_000,
        provider: 'script',
        model: undefined,
        usage: undefined,
        failed: false,
        runBudget: {},
        issueBudget: {},
        manifestDigest: undefined,
      },
    ]);
  });

  test('refuses a schema that a newer version made, and changes nothing in it', async () => {
    const path = freshPath();
    await (await openStore(path)).close();
    const database = new Database(path);
    database.exec(
      "insert into kysely_migration values ('9999-from-the-future', '2030-01-01T00:00:00Z')",
    );
    database.close();
    const before = readFileSync(path);
    const error = await refusal(path);
    expect(error.message).toContain(path);
    expect(error.message).toContain('newer version');
    expect(error.message).toContain('9999-from-the-future');
    expect(readFileSync(path)).toEqual(before);
  });

  test('says that a file is no database', async () => {
    const path = freshPath();
    writeFileSync(path, 'not a database, whatever its name says. '.repeat(200));
    expect((await refusal(path)).message).toMatch(/damaged or no SQLite database.*SQLITE_NOTADB/);
  });

  test('says that a file was cut short', async () => {
    const path = freshPath();
    await (await openStore(path)).close();
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, Math.floor(whole.length / 2)));
    expect((await refusal(path)).message).toMatch(/damaged.*SQLITE_CORRUPT/);
  });

  test('says that another program holds the file', async () => {
    const path = freshPath();
    await (await openStore(path)).close();
    const other = new Database(path);
    onTestFinished(() => void other.close());
    other.pragma('locking_mode = EXCLUSIVE');
    other.exec('begin exclusive');
    expect((await refusal(path)).message).toMatch(/locked by another program.*SQLITE_BUSY/);
  });

  test('says that the path cannot be a file', async () => {
    const path = freshPath();
    mkdirSync(path);
    expect((await refusal(path)).message).toMatch(/cannot be opened for writing.*EISDIR/);
  });

  test('survives a kill between any two of its appends: rows and cursor agree, no gap, no double', async () => {
    const path = freshPath();
    for (let round = 0; round < 5; round++) {
      const acknowledged = await appendUntilKilled(path, 40 + round * 37);
      const store = await openStore(path);
      const rows = await store.operations.ofSlug('acme-widgets-1-00000000');
      const last = await store.operations.lastSequence('acme-widgets-1-00000000', 1);
      await store.close();
      expect(rows.map(({ sequence }) => sequence)).toEqual(
        Array.from({ length: last }, (_, index) => index + 1),
      );
      expect(last).toBeGreaterThanOrEqual(acknowledged);
    }
  });
});

/** Resolves with the highest sequence number that the child has said to be stored. */
async function appendUntilKilled(path: string, more: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'append-for-ever.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  let first: number | undefined;
  const closed = new Promise((resolve) => child.once('close', resolve));
  for await (const chunk of child.stdout) {
    printed += String(chunk);
    const lines = printed.split('\n').slice(0, -1);
    first ??= lines[0] === undefined ? undefined : Number(lines[0]);
    if (first !== undefined && Number(lines.at(-1)) >= first + more) {
      child.kill('SIGKILL');
    }
  }
  await closed;
  return Number(printed.split('\n').slice(0, -1).at(-1));
}
