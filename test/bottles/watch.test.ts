import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bottlePaths, runPaths } from '../../src/bottles/directory.ts';
import type { BottleHost } from '../../src/bottles/host.ts';
import { createSupervisedHost } from '../../src/bottles/supervised-host.ts';
import type { Operation } from '../../src/domain/operation.ts';
import { noUsage } from '../../src/domain/usage.ts';
import type { JournalEntry } from '../../src/journal/format.ts';
import { until } from '../support/until.ts';
import { giveCredentials, never, Recorder } from './host-fixture.ts';

const run = { slug: 'site-1-00000000', run: 1 };
const ended: JournalEntry = { type: 'ended', end: { outcome: 'exited', endedAt: 9 } };

let directory: string;
let journal: string;
let host: BottleHost;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'watch-'));
  journal = runPaths(bottlePaths(directory, run.slug).runs, run.run).journal;
  await mkdir(dirname(journal), { recursive: true });
  host = createSupervisedHost({
    dataDirectory: directory,
    socketBase: directory,
    runtimeDirectory: '',
    backends: new Map(),
    hostId: 'test',
  });
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function operation(sequence: number): JournalEntry {
  const call: Operation = {
    sequence,
    at: 5,
    operation: 'read_issue',
    target: '#1',
    argumentsDigest: 'd'.repeat(64),
    argumentsShort: '{"number":1}',
    outcome: 'ok',
    durationMs: 1,
  };
  return { type: 'operation', operation: call };
}

function lines(entries: readonly JournalEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a watch', () => {
  test('hands over what was written before it came in few batches, in order', async () => {
    await writeFile(journal, lines([...numbers(1, 1_000).map(operation), ended]));
    const recorder = new Recorder();
    const end = await host.watch(run, giveCredentials, recorder, never);

    expect(end.outcome).toBe('exited');
    expect(recorder.recorded.map(({ sequence }) => sequence)).toEqual(numbers(1, 1_000));
    expect(recorder.batches.length).toBeLessThan(20);
  });

  test('hands a quick operation over after the slow one before it', async () => {
    await writeFile(journal, lines([operation(2), operation(3)]));
    const recorder = new Recorder();
    const watching = host.watch(run, giveCredentials, recorder, never);
    await appendFile(journal, lines([operation(1)]));
    await until('all three', () => recorder.recorded.length === 3);
    await appendFile(journal, lines([ended]));
    await watching;

    expect(recorder.recorded.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  test('goes on after what is recorded already', async () => {
    await writeFile(journal, lines([...numbers(1, 10).map(operation), ended]));
    const recorder = new Recorder(7);
    await host.watch(run, giveCredentials, recorder, never);

    expect(recorder.recorded.map(({ sequence }) => sequence)).toEqual([8, 9, 10]);
  });

  test('tells of a comment that the agent posted', async () => {
    await writeFile(journal, lines([{ type: 'comment', at: 5, id: 77 }, ended]));
    const recorder = new Recorder();
    await host.watch(run, giveCredentials, recorder, never);

    expect(recorder.comments).toEqual([77]);
  });

  test('tells the conversation and the newest usage, not each step on the way to it', async () => {
    const usage = (requests: number): JournalEntry => ({
      type: 'usage',
      at: 5,
      usage: { ...noUsage, requests },
    });
    await writeFile(
      journal,
      lines([{ type: 'session', at: 5, id: 'abc' }, ...numbers(1, 100).map(usage)]),
    );
    const recorder = new Recorder();
    const watching = host.watch(run, giveCredentials, recorder, never);
    await until('the hundredth', () => recorder.usages.at(-1)?.requests === 100);
    expect(recorder.usages.length).toBeLessThan(10);
    await appendFile(journal, lines([usage(101), ended]));
    await watching;

    expect(recorder.usages.at(-1)?.requests).toBe(101);
    expect(recorder.sessions).toEqual(['abc']);
  });

  test('tells of the end of the work only when all operations before it are recorded', async () => {
    const told: string[] = [];
    const done = { status: 'success', summary: 'all well' } as const;
    await writeFile(
      journal,
      lines([operation(1), operation(2), { type: 'done', at: 6, done }, operation(3), ended]),
    );
    const recorder = new (class extends Recorder {
      override async operations(batch: readonly Operation[]): Promise<void> {
        told.push(...batch.map(({ sequence }) => String(sequence)));
      }
      override async done(): Promise<void> {
        told.push('done');
      }
    })();
    await host.watch(run, giveCredentials, recorder, never);

    expect(told).toEqual(['1', '2', 'done', '3']);
  });
});
