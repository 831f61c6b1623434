import { describe, expect, test } from 'vitest';
import { noUsage, type Usage } from '../../src/domain/usage.ts';
import type { NewRun } from '../../src/store/store.ts';
import { freshStore, issueOf } from './fresh-store.ts';

const run: NewRun = {
  issue: issueOf(1),
  slug: 'acme-widgets-1-00000001',
  life: 1,
  run: 1,
  agentName: 'demo',
  bottleNames: ['default'],
  backendName: 'local',
  hostId: 'host',
  prompt: 'Do it.',
  promptDigest: 'digest',
  cause: 'issue opened',
  provider: 'claude',
  model: 'sonnet',
  runBudget: { usd: 5 },
  issueBudget: { tokens: 1_000_000 },
  manifestDigest: 'manifests',
};
const { slug } = run;

const someUsage: Usage = {
  requests: 3,
  inputTokens: 1_000,
  outputTokens: 200,
  cacheReadTokens: 50_000,
  cacheWriteTokens: 4_000,
  costUsd: 0.25,
};
const { costUsd: _, ...unpriced } = someUsage;

describe('runs', () => {
  test('tell what ran, when, with which prompt and how it ended', async () => {
    const { runs } = await freshStore();
    const { prompt, ...kept } = run;
    await runs.prepare(run);
    await runs.started(slug, 1, 2_000);
    await runs.done(slug, 1, 'partial', 'half of it');
    await runs.ended(slug, 1, {
      outcome: 'exited',
      exitCode: 3,
      reason: 'it failed',
      endedAt: 3_000,
    });
    expect(await runs.read(slug, 1)).toEqual({
      ...kept,
      preparedAt: expect.any(Number) as number,
      startedAt: 2_000,
      endedAt: 3_000,
      outcome: 'exited',
      exitCode: 3,
      reason: 'it failed',
      doneStatus: 'partial',
      doneSummary: 'half of it',
      watchdogFired: false,
      session: undefined,
      usage: undefined,
      turns: undefined,
      message: undefined,
      failed: false,
      parkedUntil: undefined,
    });
    expect(await runs.prompt(slug, 1)).toBe(prompt);
    expect(await runs.read(slug, 2)).toBeUndefined();
    expect(await runs.prompt(slug, 2)).toBeUndefined();
  });

  test('keep their first start and their first end', async () => {
    const { runs } = await freshStore();
    await runs.prepare(run);
    await runs.started(slug, 1, 2_000);
    await runs.started(slug, 1, 2_001);
    await runs.ended(slug, 1, { outcome: 'watchdog', startedAt: 1_999, endedAt: 3_000 });
    await runs.ended(slug, 1, { outcome: 'lost', endedAt: 4_000 });
    expect(await runs.read(slug, 1)).toMatchObject({
      startedAt: 2_000,
      endedAt: 3_000,
      outcome: 'watchdog',
      watchdogFired: true,
    });
  });

  test('take what the end knows and nobody had recorded', async () => {
    const { runs } = await freshStore();
    await runs.prepare(run);
    await runs.ended(slug, 1, {
      outcome: 'done',
      startedAt: 1_999,
      done: { status: 'success', summary: 'all of it' },
      endedAt: 3_000,
    });
    expect(await runs.read(slug, 1)).toMatchObject({
      startedAt: 1_999,
      doneStatus: 'success',
      doneSummary: 'all of it',
    });
  });

  test('tell what the end says of their model', async () => {
    const { runs } = await freshStore();
    await runs.prepare(run);
    await runs.usage(slug, 1, someUsage);
    await runs.ended(slug, 1, {
      outcome: 'parked',
      endedAt: 3_000,
      failed: true,
      usage: { ...someUsage, requests: 4 },
      turns: 7,
      message: 'I am at my limit.',
      parkedUntil: 9_000,
    });
    await runs.usage(slug, 1, { ...someUsage, requests: 2 });
    expect(await runs.read(slug, 1)).toMatchObject({
      usage: { ...someUsage, requests: 4 },
      turns: 7,
      message: 'I am at my limit.',
      failed: true,
      parkedUntil: 9_000,
    });
  });

  test('keep what they were last known to use when their end does not say', async () => {
    const { runs } = await freshStore();
    await runs.prepare(run);
    await runs.usage(slug, 1, noUsage);
    await runs.usage(slug, 1, someUsage);
    await runs.ended(slug, 1, { outcome: 'lost', endedAt: 3_000 });
    expect((await runs.read(slug, 1))?.usage).toEqual(someUsage);
  });

  test('tell a cost that is not known from one that is nothing', async () => {
    const { runs } = await freshStore();
    await runs.prepare(run);
    await runs.usage(slug, 1, unpriced);
    expect((await runs.read(slug, 1))?.usage).toStrictEqual(unpriced);
    await runs.usage(slug, 1, noUsage);
    expect((await runs.read(slug, 1))?.usage).toEqual(noUsage);
  });

  test('add up to what those before one have used; one unknown cost makes the sum unknown', async () => {
    const { runs } = await freshStore();
    for (const number of [1, 2, 3, 4]) {
      await runs.prepare({ ...run, run: number });
    }
    await runs.prepare({ ...run, slug: 'acme-widgets-1-00000002' });
    await runs.usage('acme-widgets-1-00000002', 1, someUsage);
    await runs.usage(slug, 1, someUsage);
    // Run 2 has no model: it costs nothing, and that is known.
    await runs.usage(slug, 3, unpriced);
    await runs.usage(slug, 4, someUsage);
    expect(await runs.spentBy(slug, 1)).toEqual(noUsage);
    expect(await runs.spentBy(slug, 3)).toEqual(someUsage);
    expect(await runs.spentBy(slug, 4)).toStrictEqual({
      requests: 6,
      inputTokens: 2_000,
      outputTokens: 400,
      cacheReadTokens: 100_000,
      cacheWriteTokens: 8_000,
    });
  });

  test('remember the newest conversation of their life, and whose it is', async () => {
    const { runs } = await freshStore();
    for (const [number, provider] of (['claude', 'codex', 'codex'] as const).entries()) {
      await runs.prepare({ ...run, run: number + 1, provider });
    }
    expect(await runs.sessionOf(slug)).toBeUndefined();
    await runs.session(slug, 1, 'first');
    await runs.session(slug, 2, 'renamed');
    await runs.session(slug, 2, 'second');
    expect(await runs.sessionOf(slug)).toEqual({ session: 'second', provider: 'codex' });
    expect((await runs.read(slug, 1))?.session).toBe('first');
    expect(await runs.sessionOf('acme-widgets-1-00000002')).toBeUndefined();
  });

  test('are prepared anew until the agent has started', async () => {
    const { runs } = await freshStore();
    await runs.prepare(run);
    await runs.prepare({ ...run, prompt: 'Do it now.' });
    expect(await runs.prompt(slug, 1)).toBe('Do it now.');
    await runs.started(slug, 1, 2_000);
    await runs.prepare({ ...run, prompt: 'Too late.' });
    expect(await runs.prompt(slug, 1)).toBe('Do it now.');
  });

  test('are prepared anew after an end without a start, which is forgotten', async () => {
    const { runs } = await freshStore();
    await runs.prepare(run);
    await runs.ended(slug, 1, { outcome: 'cancelled', reason: 'never launched', endedAt: 3_000 });
    await runs.prepare({ ...run, prompt: 'Again.' });
    expect(await runs.read(slug, 1)).toMatchObject({ outcome: undefined, endedAt: undefined });
    expect(await runs.prompt(slug, 1)).toBe('Again.');
  });

  test('keep a prompt of 1 MB with control characters to the last byte', async () => {
    const { runs } = await freshStore();
    const prompt = `\u0000\u001b[2J\r\n\u2028"'🦄ß`.repeat(70_000);
    await runs.prepare({ ...run, prompt });
    expect(await runs.prompt(slug, 1)).toBe(prompt);
  });

  test('are listed over all lives of an issue', async () => {
    const { runs } = await freshStore();
    await runs.prepare({ ...run, life: 2, slug: 'acme-widgets-1-00000002' });
    await runs.prepare({ ...run, run: 2 });
    await runs.prepare(run);
    await runs.prepare({ ...run, issue: issueOf(2), slug: 'acme-widgets-2-00000003' });
    const listed = await runs.ofIssue(issueOf(1));
    expect(listed.map((record) => [record.life, record.run])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
  });
});
