import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open-store.ts';

// Appends operations in batches, as a relay that resumes at the cursor, until it is killed. Prints what is stored.
const [path] = process.argv.slice(2);
if (path === undefined) {
  throw new Error('usage: append-for-ever <database>');
}
const slug = 'acme-widgets-1-00000000';
const store = await openStore(path);
for (;;) {
  const last = await store.operations.lastSequence(slug, 1);
  // The last batch once more, as a relay that does not know whether it was stored.
  const from = Math.max(1, last - 2);
  const operations = Array.from({ length: 10 }, (_, index) => ({
    sequence: from + index,
    at: 1_700_000_000_000 + index,
    operation: 'read_issue' as const,
    target: '#1',
    argumentsDigest: 'd',
    argumentsShort: '{}',
    outcome: 'ok' as const,
    durationMs: 1.5,
  }));
  await store.operations.append(slug, 1, operations);
  writeSync(1, `${from + 9}\n`);
}
