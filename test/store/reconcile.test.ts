import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { describe, expect, test } from 'vitest';
import { firstSchema } from '../../src/store/migrations/0001-first-schema.ts';
import { models } from '../../src/store/migrations/0002-models.ts';
import { freshPath, freshStore } from './fresh-store.ts';

describe('a change of state', () => {
  const change = { repositoryId: 1, number: 7, change: 'closed', at: 10_000, sequence: 5 } as const;

  test('is new once, and for the delivery that told of it whenever it is handled again', async () => {
    const { stateChanges } = await freshStore();
    expect(await stateChanges.see(change)).toBe(true);
    expect(await stateChanges.see(change)).toBe(true);
    expect(await stateChanges.see({ ...change, sequence: 6 })).toBe(false);
    expect(await stateChanges.isKnown(1, 7, 'closed', 10_000)).toBe(true);
  });

  test('that is two seconds away is the same one, and a later one another', async () => {
    const { stateChanges } = await freshStore();
    await stateChanges.see(change);
    expect(await stateChanges.see({ ...change, at: 12_000, sequence: 6 })).toBe(false);
    expect(await stateChanges.isKnown(1, 7, 'closed', 13_000)).toBe(false);
    expect(await stateChanges.see({ ...change, at: 13_000, sequence: 7 })).toBe(true);
    // Delivered once more by hand, long after.
    expect(await stateChanges.see({ ...change, sequence: 8 })).toBe(false);
  });

  test('says nothing of the other one, of other numbers or of other repositories', async () => {
    const { stateChanges } = await freshStore();
    await stateChanges.see(change);
    expect(await stateChanges.isKnown(1, 7, 'reopened', 10_000)).toBe(false);
    expect(await stateChanges.isKnown(1, 8, 'closed', 10_000)).toBe(false);
    expect(await stateChanges.isKnown(2, 7, 'closed', 10_000)).toBe(false);
  });

  test('of the time before changes were recorded is known, also where two forges were', async () => {
    const path = freshPath();
    const database = new Database(path);
    const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
    const { error } = await new Migrator({
      db,
      provider: {
        getMigrations: async () => ({ '0001-first-schema': firstSchema, '0002-models': models }),
      },
    }).migrateToLatest();
    expect(error).toBeUndefined();
    database.exec(`insert into forge_state
      (owner, repo, issue_number, slug, agent_name, bottle_names, backend_name, agent_git_user, pr_number, forge_host,
       repository_id, workflow_id, life, title, url, branch, began_at, phase, since)
      values ('acme', 'widgets', 1, 's', 'demo', '[]', 'local', 'bot', 5, 'gitea.example', 1, 'w', 1, '', '', '', 1,
       'destroyed', 7260000), ('acme', 'gadgets', 5, 't', 'demo', '[]', 'local', 'bot', 1, 'git.example', 1, 'v', 1,
       '', '', '', 1, 'destroyed', 7200000)`);
    await db.destroy();
    const { stateChanges } = await freshStore(path);
    for (const number of [1, 5]) {
      expect(await stateChanges.isKnown(1, number, 'reopened', 7_260_000)).toBe(true);
      expect(await stateChanges.isKnown(1, number, 'reopened', 7_263_000)).toBe(false);
      // Our clock may have been ahead by an hour.
      expect(await stateChanges.isKnown(1, number, 'closed', 3_660_000)).toBe(true);
      expect(await stateChanges.isKnown(1, number, 'closed', 3_663_000)).toBe(false);
    }
  });
});

describe('how far a reconcile has come', () => {
  test('is kept by repository, and never goes back', async () => {
    const { reconcile } = await freshStore();
    await reconcile.moveCursors([1, 2], 100);
    await reconcile.moveCursors([2], 200);
    await reconcile.moveCursors([2], 150);
    expect(await reconcile.cursors()).toEqual(
      new Map([
        [1, 100],
        [2, 200],
      ]),
    );
  });

  test('has what was looked at twice, 2 s apart and unchanged, for good', async () => {
    const { reconcile } = await freshStore();
    const item = { repositoryId: 1, number: 7, changedAt: 100 };
    await reconcile.recordLook(item, 5_000);
    await reconcile.recordLook(item, 6_999);
    expect(await reconcile.isSettled(item)).toBe(false);
    await reconcile.recordLook(item, 7_000);
    expect(await reconcile.isSettled(item)).toBe(true);
    const changed = { ...item, changedAt: 200 };
    expect(await reconcile.isSettled(changed)).toBe(false);
    await reconcile.recordLook(changed, 9_000);
    expect(await reconcile.isSettled(changed)).toBe(false);
  });

  test('has the newest thousand turns', async () => {
    const { reconcile } = await freshStore();
    const turn = { endedAt: 0, requests: 2, lookedAt: 0, found: {}, problem: undefined };
    for (let beganAt = 1; beganAt <= 1_002; beganAt++) {
      await reconcile.recordTurn({ ...turn, beganAt });
    }
    const turns = await reconcile.turns(2_000);
    expect(turns).toHaveLength(1_000);
    expect(turns[0]).toEqual({ ...turn, beganAt: 1_002 });
    expect(turns.at(-1)).toMatchObject({ beganAt: 3 });
  });
});
