import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WorkflowsUnavailableError } from '../../src/api/issue-commands.ts';
import {
  addIssue,
  addRun,
  sampleRepository,
  startSampleServer,
  type SampleServer,
} from './sample-server.ts';

let sample: SampleServer;
beforeEach(async () => {
  sample = await startSampleServer();
});
afterEach(() => sample.stop());

function get(path: string) {
  return sample.server.inject({ url: `/api/v1${path}`, headers: sample.authorization });
}

describe('GET /issues', () => {
  test('is empty before the first issue', async () => {
    expect((await get('/issues')).json()).toEqual({ issues: [], nextCursor: null });
  });

  test('lists every issue whole, the latest change first', async () => {
    await addIssue(sample.store, 3, {
      phase: 'frozen',
      prNumber: 4,
      attention: 'the agent was partial',
      lastCheckinAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      beganAt: Date.UTC(2026, 0, 1),
    });
    const later = await addIssue(sample.store, 5, { beganAt: Date.UTC(2200, 0, 1) });
    await addRun(sample.store, later, 1);
    const { issues } = (await get('/issues')).json();
    expect(issues.map((issue: { name: string }) => issue.name)).toEqual([
      'acme/rocket#5',
      'acme/rocket#3',
    ]);
    expect(issues[1]).toEqual({
      name: 'acme/rocket#3',
      owner: 'acme',
      repository: 'rocket',
      number: 3,
      title: 'Add a countdown',
      url: 'https://gitea.example/acme/rocket/issues/3',
      agent: 'implementer',
      bottles: ['node'],
      backend: 'local',
      branch: 'bot-bottle/issue-3',
      slug: 'acme-rocket-3-00000001',
      life: 1,
      phase: 'frozen',
      status: 'frozen',
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      parkedUntil: null,
      lastCheckinAt: '2026-01-02T03:04:05.678Z',
      run: 0,
      outcome: null,
      attention: 'the agent was partial',
      pullRequest: { number: 4, url: 'https://gitea.example/acme/rocket/issues/4', merged: false },
    });
    expect(issues[0]).toMatchObject({ phase: 'queued', status: null, pullRequest: null, run: 1 });
  });

  test('calls a renamed repository by its current name', async () => {
    await addIssue(sample.store, 3);
    await sample.store.repositories.see({ ...sampleRepository, name: 'spaceship' });
    expect((await get('/issues')).json().issues[0].name).toBe('acme/spaceship#3');
  });
});

describe('GET /issues/:owner/:repository/:number', () => {
  test('adds the runs of all lives, and the timeline of the open workflow', async () => {
    const first = await addIssue(sample.store, 3);
    await addRun(sample.store, first, 1, {
      outcome: 'exited',
      exitCode: 2,
      reason: 'the agent failed',
      endedAt: Date.UTC(2026, 0, 1, 0, 1),
    });
    const second = await addIssue(sample.store, 3, { life: 2 });
    await addRun(sample.store, second, 1, undefined, 2);
    sample.temporal.workflowStatus = {
      deadlineAt: Date.UTC(2026, 0, 1, 4),
      unreadComments: 2,
      held: false,
      awaitsApproval: true,
    };
    sample.temporal.entries = [{ at: Date.UTC(2026, 0, 1), text: 'targeted by alice' }];
    const issue = (await get('/issues/acme/rocket/3')).json();
    expect(issue).toMatchObject({ name: 'acme/rocket#3', life: 2 });
    expect(issue.workflow).toEqual({
      state: 'open',
      deadlineAt: '2026-01-01T04:00:00.000Z',
      unreadComments: 2,
      held: false,
      awaitsApproval: true,
      timeline: [{ at: '2026-01-01T00:00:00.000Z', text: 'targeted by alice' }],
    });
    expect(issue.runs).toHaveLength(2);
    expect(issue.runs[0]).toMatchObject({
      life: 1,
      run: 1,
      outcome: 'exited',
      exitCode: 2,
      reason: 'the agent failed',
      durationMs: 60_000,
      watchdogFired: false,
      done: null,
      cause: 'targeted',
    });
    expect(issue.runs[1]).toMatchObject({ life: 2, run: 1, outcome: null, durationMs: null });
    expect((await get('/issues/acme/rocket/3/runs')).json()).toEqual({
      runs: issue.runs,
      nextCursor: null,
    });
  });

  test('tells what each run used and was allowed to, and what the life used; unknown is null', async () => {
    const usage = {
      requests: 2,
      inputTokens: 1_000,
      outputTokens: 200,
      cacheReadTokens: 30,
      cacheWriteTokens: 4,
    };
    const claude = {
      provider: 'claude',
      model: 'sonnet',
      runBudget: { usd: 5 },
      issueBudget: { tokens: 1_000_000 },
    } as const;
    const endedAt = Date.UTC(2026, 0, 1, 0, 1);
    const before = await addIssue(sample.store, 3);
    await addRun(
      sample.store,
      before,
      1,
      { outcome: 'done', endedAt, usage: { ...usage, costUsd: 9 } },
      1,
      claude,
    );
    const life = await addIssue(sample.store, 3, { life: 2, phase: 'parked' });
    await sample.store.issues.update(life.issue, { parkedUntil: Date.UTC(2026, 0, 1, 14, 32) });
    await addRun(
      sample.store,
      life,
      1,
      {
        outcome: 'exited',
        exitCode: 0,
        failed: true,
        endedAt,
        usage: { ...usage, costUsd: 0.5 },
        turns: 3,
        message: 'I gave up.',
      },
      2,
      claude,
    );
    const parkedUntil = Date.UTC(2026, 0, 1, 14, 32);
    await addRun(sample.store, life, 2, { outcome: 'parked', endedAt, usage, parkedUntil }, 2, {
      ...claude,
      model: undefined,
    });
    await addRun(sample.store, life, 3, undefined, 2);
    const issue = (await get('/issues/acme/rocket/3')).json();
    expect(issue).toMatchObject({
      phase: 'parked',
      parkedUntil: '2026-01-01T14:32:00.000Z',
      usage: {
        requests: 4,
        inputTokens: 2_000,
        outputTokens: 400,
        cacheReadTokens: 60,
        cacheWriteTokens: 8,
        costUsd: null,
      },
    });
    expect(issue.runs.slice(1)).toMatchObject([
      {
        provider: 'claude',
        model: 'sonnet',
        manifestDigest: 'e'.repeat(64),
        failed: true,
        usage: { ...usage, costUsd: 0.5 },
        budget: { run: { usd: 5, tokens: null }, issue: { usd: null, tokens: 1_000_000 } },
        turns: 3,
        message: 'I gave up.',
        parkedUntil: null,
      },
      {
        model: null,
        failed: false,
        usage: { ...usage, costUsd: null },
        turns: null,
        parkedUntil: '2026-01-01T14:32:00.000Z',
      },
      {
        provider: 'script',
        usage: null,
        budget: { run: { usd: null, tokens: null }, issue: { usd: null, tokens: null } },
      },
    ]);
  });

  test('is found by the name its repository had before', async () => {
    await addIssue(sample.store, 3);
    await sample.store.repositories.see({ ...sampleRepository, name: 'spaceship' });
    expect((await get('/issues/acme/rocket/3')).json().name).toBe('acme/spaceship#3');
    expect((await get('/issues/acme/spaceship/3')).json().name).toBe('acme/spaceship#3');
  });

  test('a finished issue is told from the store', async () => {
    await addIssue(sample.store, 3, { phase: 'destroyed' });
    const issue = (await get('/issues/acme/rocket/3')).json();
    expect(issue).toMatchObject({ phase: 'destroyed', status: 'destroyed' });
    expect(issue.workflow).toEqual({ state: 'closed' });
  });

  test('Temporal being away takes the timeline, not the issue', async () => {
    await addIssue(sample.store, 3);
    sample.temporal.workflowStatus = new WorkflowsUnavailableError('localhost:7233 is away');
    const answer = await get('/issues/acme/rocket/3');
    expect(answer.statusCode).toBe(200);
    expect(answer.json().workflow).toEqual({
      state: 'unreachable',
      reason: 'localhost:7233 is away',
    });
  });

  test.each(['', '/runs', '/operations', '/runs/1/log'])(
    '%j of an unknown issue is 404',
    async (path) => {
      await addIssue(sample.store, 3);
      for (const issue of ['acme/rocket/4', 'acme/nothing/3']) {
        const answer = await get(`/issues/${issue}${path}`);
        expect(answer.statusCode).toBe(404);
        expect(answer.json().detail).toMatch(
          /knows no issue acme\/\w+#\d\. An issue is taken up when/,
        );
      }
    },
  );

  test('a number that is none is 400 and says where', async () => {
    const answer = await get('/issues/acme/rocket/three');
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      title: 'Bad Request',
      errors: [{ at: 'params/number', message: expect.stringMatching(/number/) }],
    });
  });
});

describe('GET /issues/…/operations', () => {
  test('is the op log of the newest life in order, rejected calls included', async () => {
    const life = await addIssue(sample.store, 3);
    const operation = {
      at: Date.UTC(2026, 0, 1),
      operation: 'post_comment' as const,
      target: '#9',
      argumentsDigest: 'a'.repeat(64),
      argumentsShort: '{"number":9}',
      durationMs: 1.5,
    };
    await sample.store.operations.append(life.slug, 1, [
      { ...operation, sequence: 1, outcome: 'ok' },
      { ...operation, sequence: 2, outcome: 'rejected', reason: 'out of scope' },
    ]);
    const { operations } = (await get('/issues/acme/rocket/3/operations')).json();
    expect(operations).toEqual([
      expect.objectContaining({
        run: 1,
        sequence: 1,
        outcome: 'ok',
        reason: null,
        durationMs: 1.5,
      }),
      {
        run: 1,
        sequence: 2,
        at: '2026-01-01T00:00:00.000Z',
        operation: 'post_comment',
        target: '#9',
        arguments: '{"number":9}',
        argumentsDigest: 'a'.repeat(64),
        outcome: 'rejected',
        reason: 'out of scope',
        durationMs: 1.5,
      },
    ]);
  });
});

describe('GET /deliveries', () => {
  test('tells the newest first, with what became of each, and never the body', async () => {
    for (const [index, ignoredReason] of [undefined, 'a push means nothing to us'].entries()) {
      await sample.store.deliveries.add({
        digest: String(index).repeat(64),
        deliveryId: `delivery-${index}`,
        event: index === 0 ? 'issues' : 'push',
        orderKey: '7/3',
        headers: { 'x-gitea-signature': 's3cret' },
        body: Buffer.from('{"s3cret":1}'),
        receivedAt: Date.UTC(2026, 0, 1),
        ...(ignoredReason !== undefined && { ignoredReason }),
      });
    }
    const answer = await get('/deliveries');
    expect(answer.body).not.toContain('s3cret');
    expect(answer.json().deliveries).toMatchObject([
      { event: 'push', state: 'ignored', reason: 'a push means nothing to us' },
      { event: 'issues', state: 'waiting', reason: null, receivedAt: '2026-01-01T00:00:00.000Z' },
    ]);
    expect((await get('/deliveries?state=waiting')).json().deliveries).toHaveLength(1);
    expect((await get('/deliveries?limit=1')).json().deliveries).toHaveLength(1);
  });

  test('an unknown state is 400', async () => {
    expect((await get('/deliveries?state=lost')).json()).toMatchObject({
      status: 400,
      errors: [{ at: 'querystring/state' }],
    });
  });
});

describe('GET /reconcile', () => {
  test('lists turns, the newest first, with what they found and what that took', async () => {
    const turn = { beganAt: 0, endedAt: 1_000, requests: 2, lookedAt: 0, found: {} };
    await sample.store.reconcile.recordTurn({ ...turn, problem: 'ForgeUnavailableError: away' });
    await sample.store.reconcile.recordTurn({
      ...turn,
      beganAt: 2_000,
      endedAt: 3_000,
      found: { 'comment created': 3 },
      problem: undefined,
    });
    const answer = await get('/reconcile');
    expect(answer.json().turns).toEqual([
      {
        beganAt: '1970-01-01T00:00:02.000Z',
        endedAt: '1970-01-01T00:00:03.000Z',
        requests: 2,
        lookedAt: 0,
        found: { 'comment created': 3 },
        problem: null,
      },
      expect.objectContaining({ found: {}, problem: 'ForgeUnavailableError: away' }),
    ]);
    expect((await get('/reconcile?limit=1')).json().turns).toHaveLength(1);
  });
});
