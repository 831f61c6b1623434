import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

interface Page {
  readonly nextCursor: string | null;
  readonly [key: string]: unknown;
}

async function get(path: string): Promise<Page> {
  const answer = await sample.server.inject({
    url: `/api/v1${path}`,
    headers: sample.authorization,
  });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json();
}

async function refusal(path: string): Promise<{ errors: { at: string; message: string }[] }> {
  const answer = await sample.server.inject({
    url: `/api/v1${path}`,
    headers: sample.authorization,
  });
  expect(answer.statusCode).toBe(400);
  return answer.json();
}

/** All entries of a list, page by page. */
async function walk<Entry>(path: string, key: string, limit: number): Promise<Entry[][]> {
  const pages: Entry[][] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = await get(`${path}${path.includes('?') ? '&' : '?'}limit=${limit}${from}`);
    pages.push(page[key] as Entry[]);
    cursor = page.nextCursor;
  }
  return pages;
}

const dayOf = (n: number): number => Date.UTC(2026, 0, 1 + n);

describe('GET /issues', () => {
  const numbers = (page: Page): number[] =>
    (page['issues'] as { number: number }[]).map(({ number }) => number).toSorted((a, b) => a - b);

  test('gives pages that neither repeat nor leave out an issue, also of one moment', async () => {
    for (let n = 1; n <= 7; n++) {
      await addIssue(sample.store, n, { beganAt: dayOf(n < 4 ? 1 : 2) });
    }
    const pages = await walk<{ number: number }>('/issues', 'issues', 3);
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    const all = (await get('/issues'))['issues'];
    expect(pages.flat()).toEqual(all);
    expect(new Set(pages.flat().map(({ number }) => number)).size).toBe(7);
  });

  test('goes on where it was when something new comes first', async () => {
    for (let n = 1; n <= 4; n++) await addIssue(sample.store, n, { beganAt: dayOf(n) });
    const first = await get('/issues?limit=2');
    await addIssue(sample.store, 5, { beganAt: dayOf(5) });
    const second = await get(`/issues?limit=2&cursor=${first.nextCursor}`);
    expect([...numbers(second), ...numbers(first)]).toEqual([1, 2, 3, 4]);
    expect(second.nextCursor).toBeNull();
  });

  test('a page that holds all is the last', async () => {
    await addIssue(sample.store, 1);
    expect((await get('/issues?limit=1')).nextCursor).toBeNull();
  });

  test('is filtered by phase, status, agent, each given once or more', async () => {
    const phases = ['queued', 'running', 'frozen', 'parked', 'destroyed'] as const;
    for (const [index, phase] of phases.entries()) {
      const agent = index % 2 === 0 ? 'even' : 'odd';
      await addIssue(sample.store, index + 1, { phase, agent });
    }
    expect(numbers(await get('/issues?phase=frozen'))).toEqual([3]);
    expect(numbers(await get('/issues?phase=frozen&phase=queued'))).toEqual([1, 3]);
    expect(numbers(await get('/issues?status=frozen'))).toEqual([3, 4]);
    expect(numbers(await get('/issues?status=running&status=destroyed'))).toEqual([2, 5]);
    expect(numbers(await get('/issues?agent=odd'))).toEqual([2, 4]);
    expect(numbers(await get('/issues?agent=odd&phase=running'))).toEqual([2]);
    expect(numbers(await get('/issues?agent=nobody'))).toEqual([]);
  });

  test('is filtered by outcome and by what needs a person', async () => {
    const first = await addIssue(sample.store, 1, { attention: 'look here' });
    await addRun(sample.store, first, 1, { outcome: 'watchdog', endedAt: 5 });
    await addIssue(sample.store, 2);
    expect(numbers(await get('/issues?outcome=watchdog'))).toEqual([1]);
    expect(numbers(await get('/issues?attention=true'))).toEqual([1]);
    expect(numbers(await get('/issues?attention=false'))).toEqual([2]);
  });

  test('is filtered by the time of the latest change, the first included, the last not', async () => {
    for (let n = 1; n <= 3; n++) await addIssue(sample.store, n, { beganAt: dayOf(n) });
    const iso = (n: number): string => new Date(dayOf(n)).toISOString();
    expect(numbers(await get(`/issues?since=${iso(2)}`))).toEqual([2, 3]);
    expect(numbers(await get(`/issues?until=${iso(2)}`))).toEqual([1]);
    expect(numbers(await get(`/issues?since=${iso(2)}&until=${iso(3)}`))).toEqual([2]);
    expect(numbers(await get('/issues?since=2026-01-03T02:00:00%2B02:00'))).toEqual([2, 3]);
  });

  test('is filtered by repository, under any name that it has or had', async () => {
    await addIssue(sample.store, 1);
    await sample.store.repositories.see({ ...sampleRepository, name: 'spaceship' });
    for (const name of ['acme/rocket', 'acme/spaceship', 'ACME/Rocket']) {
      expect(numbers(await get(`/issues?repository=${name}`))).toEqual([1]);
    }
    expect(await get('/issues?repository=acme/other')).toEqual({ issues: [], nextCursor: null });
  });

  test.each([
    ['phase=asleep', 'phase/0'],
    ['phse=running', ''],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=x', 'limit'],
    ['since=yesterday', 'since'],
    ['repository=rocket', 'repository'],
    ['attention=yes', 'attention'],
    ['cursor=%22', 'cursor'],
    ['cursor=bnVsbA', 'cursor'],
    [`cursor=${Buffer.from('{"since":"1","slug":"x"}').toString('base64url')}`, 'cursor'],
    ['agent=a&'.repeat(21), 'agent'],
  ])('?%s is a 400 that says where', async (query, at) => {
    const { errors } = await refusal(`/issues?${query}`);
    expect(errors.map((error) => error.at)).toEqual([`querystring${at && `/${at}`}`]);
  });
});

describe('GET /runs', () => {
  test('lists the runs of all issues, the newest first, with their issue', async () => {
    const first = await addIssue(sample.store, 1);
    const second = await addIssue(sample.store, 2);
    await addRun(sample.store, first, 1, { outcome: 'done', endedAt: 5 });
    await addRun(sample.store, second, 1, { outcome: 'lost', endedAt: 5 }, 1, {
      agentName: 'other',
    });
    await addRun(sample.store, first, 2);
    await sample.store.repositories.see({ ...sampleRepository, name: 'spaceship' });
    const names = (page: Page): string[] =>
      (page['runs'] as { issue: string; run: number }[]).map(({ issue, run }) => `${issue} ${run}`);
    const all = await get('/runs');
    expect(names(all).toSorted()).toEqual([
      'acme/spaceship#1 1',
      'acme/spaceship#1 2',
      'acme/spaceship#2 1',
    ]);
    const prepared = (all['runs'] as { preparedAt: string }[]).map(({ preparedAt }) => preparedAt);
    expect(prepared).toEqual(prepared.toSorted().toReversed());
    expect((await walk('/runs', 'runs', 1)).flat()).toEqual(all['runs']);
    expect(names(await get('/runs?outcome=lost&outcome=done'))).toHaveLength(2);
    expect(names(await get('/runs?outcome=lost'))).toEqual(['acme/spaceship#2 1']);
    expect(names(await get('/runs?agent=other'))).toEqual(['acme/spaceship#2 1']);
    expect(names(await get('/runs?ended=false'))).toEqual(['acme/spaceship#1 2']);
    expect(names(await get('/runs?ended=true'))).toHaveLength(2);
    expect(names(await get('/runs?repository=acme/rocket'))).toHaveLength(3);
    expect(names(await get('/runs?repository=acme/other'))).toEqual([]);
    expect(names(await get('/runs?until=2020-01-01T00:00:00Z'))).toEqual([]);
    expect(names(await get('/runs?since=2020-01-01T00:00:00Z'))).toHaveLength(3);
  });
});

describe('the runs of an issue', () => {
  test('come in pages over its lives, and one by one with their prompts', async () => {
    const first = await addIssue(sample.store, 3);
    await addRun(sample.store, first, 1);
    await addRun(sample.store, first, 2, undefined, 1, { prompt: 'Fix the <door>.\n' });
    const second = await addIssue(sample.store, 3, { life: 2 });
    await addRun(sample.store, second, 1, undefined, 2, { prompt: 'Again.' });
    const path = '/issues/acme/rocket/3/runs';
    const pages = await walk<{ life: number; run: number }>(path, 'runs', 2);
    expect(pages.map((page) => page.map(({ life, run }) => `${life}/${run}`))).toEqual([
      ['1/1', '1/2'],
      ['2/1'],
    ]);
    expect(await get(`${path}/latest`)).toMatchObject({ life: 2, run: 1 });
    expect(await get(`${path}/2?life=1`)).toMatchObject({ life: 1, run: 2 });
    const prompt = await sample.server.inject({
      url: `/api/v1${path}/2/prompt?life=1`,
      headers: sample.authorization,
    });
    expect(prompt.body).toBe('Fix the <door>.\n');
    expect(prompt.headers['content-type']).toBe('text/plain; charset=utf-8');
    const missing = await sample.server.inject({
      url: `/api/v1${path}/2`,
      headers: sample.authorization,
    });
    expect(missing.statusCode).toBe(404);
    expect(missing.json().detail).toContain('Its runs: 1.');
  });
});

describe('the op log', () => {
  test('comes in pages, filtered by run, operation, outcome, time and life', async () => {
    const life = await addIssue(sample.store, 3);
    await addRun(sample.store, life, 1);
    for (const run of [1, 2]) {
      await sample.store.operations.append(
        life.slug,
        run,
        Array.from({ length: 5 }, (_, index) => ({
          sequence: index + 1,
          at: dayOf(run * 10 + index),
          operation: index === 0 ? ('read_issue' as const) : ('post_comment' as const),
          target: '#3',
          argumentsDigest: 'a'.repeat(64),
          argumentsShort: '{}',
          outcome: index === 4 ? ('rejected' as const) : ('ok' as const),
          durationMs: 1,
        })),
      );
    }
    await addIssue(sample.store, 3, { life: 2 });
    const path = '/issues/acme/rocket/3/operations';
    const names = (page: Page): string[] =>
      (page['operations'] as { run: number; sequence: number }[]).map(
        ({ run, sequence }) => `${run}/${sequence}`,
      );
    expect(names(await get(path))).toEqual([]);
    const pages = await walk(`${path}?life=1`, 'operations', 4);
    expect(pages.map((page) => page.length)).toEqual([4, 4, 2]);
    expect(pages.flat()).toEqual((await get(`${path}?life=1`))['operations']);
    expect(names(await get(`${path}?life=1&run=2&limit=2`))).toEqual(['2/1', '2/2']);
    expect(names(await get(`${path}?life=1&operation=read_issue`))).toEqual(['1/1', '2/1']);
    expect(names(await get(`${path}?life=1&outcome=rejected`))).toEqual(['1/5', '2/5']);
    const since = new Date(dayOf(23)).toISOString();
    expect(names(await get(`${path}?life=1&since=${since}`))).toEqual(['2/4', '2/5']);
    expect(names(await get(`${path}?life=9`))).toEqual([]);
  });
});

describe('GET /deliveries', () => {
  test('comes in pages, filtered by state, repository, issue and time, without bodies', async () => {
    await sample.store.repositories.see(sampleRepository);
    for (const [index, key] of ['7/1', '7/1', '7/12', '70/1', ''].entries()) {
      await sample.store.deliveries.add({
        digest: `digest-${index}`,
        deliveryId: `id-${index}`,
        event: 'issue opened',
        orderKey: key,
        headers: {},
        body: Buffer.from('a secret issue'),
        receivedAt: dayOf(index),
        ...(key === '' && { ignoredReason: 'a push' }),
      });
    }
    const sequences = (page: Page): number[] =>
      (page['deliveries'] as { sequence: number }[]).map(({ sequence }) => sequence);
    const all = await get('/deliveries');
    expect(sequences(all)).toEqual([5, 4, 3, 2, 1]);
    expect(JSON.stringify(all)).not.toContain('secret');
    expect((await walk('/deliveries', 'deliveries', 2)).flat()).toEqual(all['deliveries']);
    expect(sequences(await get('/deliveries?state=ignored'))).toEqual([5]);
    expect(sequences(await get('/deliveries?repository=acme/rocket'))).toEqual([3, 2, 1]);
    expect(sequences(await get('/deliveries?repository=acme/rocket&issue=1'))).toEqual([2, 1]);
    expect(sequences(await get('/deliveries?repository=acme/other'))).toEqual([]);
    const since = new Date(dayOf(3)).toISOString();
    expect(sequences(await get(`/deliveries?since=${since}`))).toEqual([5, 4]);
    expect((await refusal('/deliveries?issue=1')).errors).toEqual([
      { at: 'querystring/issue', message: 'needs a repository' },
    ]);
  });
});
