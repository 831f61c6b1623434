import { describe, expect, test } from 'vitest';
import type { JournalEntry } from '../../src/journal/format.ts';
import { createOperationLog, type OperationCall } from '../../src/supervisor/operation-log.ts';

const read: OperationCall = {
  operation: 'read_issue',
  target: '#1',
  argumentsDigest: 'd',
  argumentsShort: 's',
  write: false,
};
const write: OperationCall = { ...read, operation: 'post_comment', write: true };

function makeLog(budget?: number) {
  const entries: { entry: JournalEntry; durable: boolean }[] = [];
  const disk = { full: false };
  const log = createOperationLog(
    {
      async append(entry, options) {
        if (disk.full) throw new Error('the disk is full');
        entries.push({ entry, durable: options?.durable ?? false });
      },
    },
    budget,
  );
  const sequences = () =>
    entries.flatMap(({ entry }) => (entry.type === 'operation' ? [entry.operation.sequence] : []));
  return { entries, disk, log, sequences };
}

test('a write is on disk before it may be sent, and again with its answer', async () => {
  const { entries, log } = makeLog();
  const operation = await log.begin(write);
  expect(entries).toMatchObject([{ entry: { type: 'operation-started' }, durable: true }]);
  await operation.finish('ok');
  expect(entries[1]).toMatchObject({
    entry: { type: 'operation', operation: { sequence: 1, outcome: 'ok' } },
    durable: true,
  });
});

test('every number is on disk at every moment, however calls overlap', async () => {
  const { entries, log } = makeLog();
  const slowRead = await log.begin(read);
  const slowWrite = await log.begin(write);
  const quickRead = await log.begin(read);
  await quickRead.finish('ok');
  const known = entries.map(({ entry }) => 'operation' in entry && entry.operation.sequence);
  expect(known).toEqual([1, 2]);
  await slowWrite.finish('ok');
  await slowRead.finish('error', 'timed out');
  expect(entries).toHaveLength(4);
});

test('a refusal is on disk when it is answered', async () => {
  const { entries, log } = makeLog();
  await (await log.begin(read)).finish('rejected', 'out of scope');
  expect(entries).toMatchObject([
    { durable: true, entry: { operation: { reason: 'out of scope' } } },
  ]);
});

test('what is open when the run ends is closed, once', async () => {
  const { log, sequences } = makeLog();
  const open = await log.begin(write);
  const unwritten = await log.settle(20);
  await open.finish('ok');

  expect(unwritten).toMatchObject([
    { type: 'operation', operation: { sequence: 1, outcome: 'error' } },
  ]);
  expect(sequences()).toEqual([]);
});

describe('a journal that takes nothing for a while', () => {
  test('gets what it refused before anything else, so that no number is missing', async () => {
    const { entries, disk, log, sequences } = makeLog();
    const answered = await log.begin(write);
    disk.full = true;
    await expect(answered.finish('ok')).rejects.toThrow(/full/);
    await expect(log.begin(write)).rejects.toThrow(/full/);
    disk.full = false;
    await (await log.begin(write)).finish('ok');

    expect(sequences()).toEqual([1, 2]);
    expect(entries.map(({ entry }) => entry.type)).toEqual([
      'operation-started',
      'operation',
      'operation-started',
      'operation',
    ]);
  });

  test('gets a write that was given up for it as an error', async () => {
    const { entries, disk, log } = makeLog();
    disk.full = true;
    const begun = await Promise.allSettled([log.begin(write), log.begin(write)]);
    disk.full = false;
    await (await log.begin(read)).finish('ok');

    expect(begun.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(entries).toMatchObject([
      { entry: { operation: { sequence: 1, outcome: 'error' } } },
      { entry: { operation: { sequence: 2, outcome: 'error' } } },
      { entry: { operation: { sequence: 3, outcome: 'ok' } } },
    ]);
  });

  test('does not hold up the end of the run, and gets what it lacks with it', async () => {
    const { disk, log } = makeLog();
    disk.full = true;
    await expect(log.begin(write)).rejects.toThrow(/full/);
    const before = performance.now();
    const unwritten = await log.settle(30_000);

    expect(performance.now() - before).toBeLessThan(1_000);
    expect(unwritten).toMatchObject([{ operation: { sequence: 1, outcome: 'error' } }]);
  });
});

test('once the budget is spent nothing is taken but the end of the work, and one entry says so', async () => {
  const { entries, log } = makeLog(1_000);
  const taken: string[] = [];
  for (const call of Array.from({ length: 50 }, () => [read, write]).flat()) {
    taken.push(
      await log.begin(call).then(
        (operation) => operation.finish('ok').then(() => 'ok'),
        (error: Error) => error.name,
      ),
    );
  }
  await (await log.begin({ ...write, operation: 'signal_done' })).finish('ok');

  expect(taken.lastIndexOf('ok')).toBeLessThan(10);
  expect(taken.at(-1)).toBe('OperationBudgetError');
  const operations = entries.flatMap(({ entry }) =>
    entry.type === 'operation' ? [entry.operation] : [],
  );
  expect(operations.filter(({ outcome }) => outcome === 'rejected')).toMatchObject([
    { reason: expect.stringContaining('more calls than are recorded') },
  ]);
  expect(operations.at(-1)).toMatchObject({ operation: 'signal_done', outcome: 'ok' });
  expect(operations.map(({ sequence }) => sequence)).toEqual(operations.map((_, i) => i + 1));
});
