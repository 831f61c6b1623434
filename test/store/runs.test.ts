import { describe, expect, test } from 'vitest';
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
};
const { slug } = run;

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
