import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { NewLife } from '../../src/store/store.ts';
import { freshPath, freshStore, issueOf } from './fresh-store.ts';

const life: NewLife = {
  issue: issueOf(1),
  workflowId: 'issue/gitea.example/acme/widgets/1',
  life: 1,
  slug: 'acme-widgets-1-00000001',
  title: 'Add "frobnicator" \u0000\u001b[31m 🦄',
  url: 'http://gitea.example/acme/widgets/issues/1',
  agentName: 'demo',
  bottleNames: ['default', 'extra'],
  backendName: 'local',
  agentGitUser: 'demo agent',
  branch: 'bot-bottle/issue-1',
  prNumber: undefined,
  beganAt: 1_000,
};

describe('issues', () => {
  test('begin a life queued', async () => {
    const { issues } = await freshStore();
    await issues.beginLife(life);
    await issues.beginLife(life);
    expect(await issues.read(issueOf(1))).toEqual({
      ...life,
      phase: 'queued',
      status: undefined,
      since: 1_000,
      prMerged: false,
      lastCheckinAt: undefined,
      outcome: undefined,
      run: 0,
      lastSequence: 0,
      attention: undefined,
    });
    expect(await issues.bySlug(life.slug)).toEqual(await issues.read(issueOf(1)));
  });

  test('keep the key and columns of the founding documents', async () => {
    const path = freshPath();
    const { issues } = await freshStore(path);
    await issues.beginLife(life);
    await issues.update(issueOf(1), { phase: 'running', prNumber: 5, lastCheckinAt: 2_000 });
    const database = new Database(path, { readonly: true });
    const row = database
      .prepare(
        `select slug, agent_name, bottle_names, backend_name, agent_git_user, pr_number, status, last_checkin_at
         from forge_state where owner = 'acme' and repo = 'widgets' and issue_number = 1`,
      )
      .get();
    database.close();
    expect(row).toEqual({
      slug: life.slug,
      agent_name: 'demo',
      bottle_names: '["default","extra"]',
      backend_name: 'local',
      agent_git_user: 'demo agent',
      pr_number: 5,
      status: 'running',
      last_checkin_at: 2_000,
    });
  });

  test('change in the given fields only', async () => {
    const { issues } = await freshStore();
    await issues.beginLife(life);
    await issues.update(issueOf(1), { phase: 'running', run: 1, attention: 'look' });
    await issues.update(issueOf(1), { prNumber: 5, prMerged: true, outcome: 'done' });
    await issues.update(issueOf(1), {});
    expect(await issues.read(issueOf(1))).toMatchObject({
      phase: 'running',
      status: 'running',
      run: 1,
      attention: 'look',
      prNumber: 5,
      prMerged: true,
      outcome: 'done',
    });
    await issues.update(issueOf(1), { attention: null });
    expect((await issues.read(issueOf(1)))?.attention).toBeUndefined();
  });

  test('change `since` with the phase only', async () => {
    const { issues } = await freshStore();
    await issues.beginLife(life);
    await issues.update(issueOf(1), { phase: 'running' });
    const since = (await issues.read(issueOf(1)))?.since ?? 0;
    expect(since).toBeGreaterThan(Date.now() - 60_000);
    await delay(5);
    await issues.update(issueOf(1), { phase: 'running', run: 2 });
    expect((await issues.read(issueOf(1)))?.since).toBe(since);
    await issues.update(issueOf(1), { phase: 'freezing' });
    expect((await issues.read(issueOf(1)))?.since).toBeGreaterThan(since);
  });

  test('never turn back the last check-in or the last sequence number', async () => {
    const { issues } = await freshStore();
    await issues.beginLife(life);
    await issues.update(issueOf(1), { lastCheckinAt: 5_000, lastSequence: 7 });
    await issues.update(issueOf(1), { lastCheckinAt: 4_000, lastSequence: 6 });
    expect(await issues.read(issueOf(1))).toMatchObject({ lastCheckinAt: 5_000, lastSequence: 7 });
  });

  test('show their newest life, with the sequence numbers of all', async () => {
    const { issues } = await freshStore();
    await issues.beginLife(life);
    await issues.update(issueOf(1), { phase: 'destroyed', prNumber: 5, lastSequence: 7, run: 3 });
    const second = { ...life, life: 2, slug: 'acme-widgets-1-00000002', beganAt: 9_000 };
    await issues.beginLife(second);
    expect(await issues.read(issueOf(1))).toMatchObject({
      life: 2,
      phase: 'queued',
      prNumber: undefined,
      run: 0,
      lastSequence: 7,
    });
    expect(await issues.bySlug(life.slug)).toBeUndefined();
    expect(await issues.all()).toHaveLength(1);
  });

  test('are listed by name and number', async () => {
    const { issues } = await freshStore();
    for (const number of [12, 3]) {
      await issues.beginLife({ ...life, issue: issueOf(number), slug: `s-${number}` });
    }
    expect((await issues.all()).map(({ issue }) => issue)).toEqual([issueOf(3), issueOf(12)]);
    expect(await issues.read(issueOf(4))).toBeUndefined();
  });

  test('remember since when they are no target, until they are one again or a life begins', async () => {
    const { issues } = await freshStore();
    await issues.markUntargeted(issueOf(1), 5);
    await issues.markUntargeted(issueOf(1), 6);
    await issues.markUntargeted(issueOf(2), 7);
    expect(await issues.untargetedSince(issueOf(1))).toBe(5);
    await issues.markTargeted(issueOf(1));
    expect(await issues.untargetedSince(issueOf(1))).toBeUndefined();
    await issues.beginLife({ ...life, issue: issueOf(2) });
    expect(await issues.untargetedSince(issueOf(2))).toBeUndefined();
  });
});
