import { expect, test } from 'vitest';
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

function makeLog() {
  const entries: { entry: JournalEntry; durable: boolean }[] = [];
  const log = createOperationLog({
    async append(entry, options) {
      entries.push({ entry, durable: options?.durable ?? false });
    },
  });
  const sequences = () =>
    entries.flatMap(({ entry }) => (entry.type === 'operation' ? [entry.operation.sequence] : []));
  return { entries, log, sequences };
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
  const { log, entries, sequences } = makeLog();
  const open = await log.begin(write);
  await log.settle(20);
  await open.finish('ok');

  expect(sequences()).toEqual([1]);
  expect(entries.at(-1)).toMatchObject({ entry: { operation: { outcome: 'error' } } });
});
