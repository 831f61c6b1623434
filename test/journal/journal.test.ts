import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JournalEntry, JournalHeader } from '../../src/journal/format.ts';
import { followJournal, readJournal, readJournalEnds } from '../../src/journal/reader.ts';
import { sealJournal } from '../../src/journal/seal.ts';
import {
  claimJournal,
  type JournalWriter,
  reopenJournal,
  reservePath,
} from '../../src/journal/writer.ts';
import { readEntries } from './read-entries.ts';
import { until } from '../support/until.ts';

const header: JournalHeader = {
  type: 'claimed',
  version: 1,
  at: 1,
  slug: 'site-1-00000000',
  run: 1,
  supervisor: { pid: 1, startTime: '1', bootId: 'b', nonce: 'n' },
};

const run = { slug: 'site-1-00000000', run: 1 };
const post = {
  at: 5,
  operation: 'post_comment',
  target: '#1',
  argumentsDigest: 'd',
  argumentsShort: 's',
} as const;

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'journal-'));
  path = join(directory, 'journal.ndjson');
});

async function claim(): Promise<JournalWriter> {
  const writer = await claimJournal(path, header);
  if (writer === undefined) throw new Error('claimed before');
  return writer;
}

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('claiming a run', () => {
  test('one of many claimants at once gets it', async () => {
    const claims = await Promise.all(Array.from({ length: 20 }, () => claimJournal(path, header)));

    const writers = claims.filter((claim) => claim !== undefined);
    expect(writers).toHaveLength(1);
    expect((await readJournal(path))?.header).toEqual(header);
    await writers[0]?.close();
  });

  test('leaves nothing but the journal when it was sealed', async () => {
    const writer = await claim();
    await writer.seal({ type: 'ended', end: { outcome: 'exited', endedAt: 2 } });

    expect(existsSync(reservePath(path))).toBe(false);
    expect(execFileSync('ls', ['-A', directory], { encoding: 'utf8' })).toBe('journal.ndjson\n');
  });
});

describe('a torn journal', () => {
  test('reads well up to its last whole line, wherever it was torn', async () => {
    const writer = await claim();
    await writer.append({ type: 'agent-starting', at: 2 });
    const done = { status: 'success', summary: 'ünï — ✓' } as const;
    await writer.append({ type: 'done', at: 3, done });
    await writer.close();
    const whole = await readFile(path);

    for (let length = 1; length <= whole.length; length++) {
      const torn = whole.subarray(0, length);
      await writeFile(path, torn);
      const lines = torn.toString('latin1').split('\n').length - 1;
      expect(await readJournal(path)).toMatchObject({
        validBytes: torn.lastIndexOf(0x0a) + 1,
        header: lines > 0 ? header : undefined,
        startingAt: lines > 1 ? 2 : undefined,
        done: lines > 2 ? done : undefined,
      });
    }
  });

  test('goes on behind its last whole line', async () => {
    const writer = await claim();
    await writer.append({ type: 'agent-starting', at: 2 });
    await writer.close();
    await appendFile(path, '{"type":"agent-sta');

    const torn = await readJournal(path);
    const next = await reopenJournal(path, torn?.validBytes ?? 0);
    await next.append({ type: 'agent-started', at: 3 });
    await next.close();

    expect((await readEntries(path)).map(({ type }) => type)).toEqual([
      'claimed',
      'agent-starting',
      'agent-started',
    ]);
  });
});

describe('a long journal', () => {
  const operation = { sequence: 1, ...post, outcome: 'ok', durationMs: 1 } as const;
  const entries = (count: number): string =>
    `${JSON.stringify({ type: 'operation', operation })}\n`.repeat(count);

  test('is read piece by piece, wherever the pieces meet', async () => {
    const writer = await claim();
    const started = { type: 'operation-started', operation: { sequence: 7, ...post } } as const;
    await writer.append(started);
    await writer.close();
    await appendFile(path, entries(5_000));
    const known = await readJournal(path);

    expect(known?.unanswered).toEqual(new Map([[7, started.operation]]));
    expect(known?.validBytes).toBe((await readFile(path)).length);
  });

  test('tells who claimed it and how it ended without being read', async () => {
    await (await claim()).close();
    await appendFile(path, entries(200_000));
    expect(await readJournalEnds(path)).toEqual({ header, end: undefined });
    const done = { status: 'success', summary: '"\n'.repeat(1_300) } as const;
    const end = { outcome: 'done', done, reason: 'r'.repeat(500), endedAt: 3 } as const;
    await appendFile(path, `${JSON.stringify({ type: 'ended', end })}\n`);
    const before = performance.now();

    expect(await readJournalEnds(path)).toEqual({ header, end });
    expect(performance.now() - before).toBeLessThan(50);
  });
});

describe('following a journal', () => {
  test('begins before there is one, gives each entry once and ends after the seal', async () => {
    const seen: string[] = [];
    const following = (async () => {
      for await (const entry of followJournal(path, new AbortController().signal)) {
        seen.push(entry.type);
      }
    })();
    const writer = await claim();
    await until('the first entry', () => seen.length === 1);
    await writer.append({ type: 'agent-starting', at: 2 });
    await until('the second entry', () => seen.length === 2);
    await writer.seal({ type: 'ended', end: { outcome: 'exited', endedAt: 3 } });
    await following;

    expect(seen).toEqual(['claimed', 'agent-starting', 'ended']);
  });

  test('waits for the rest of a line that is written in two pieces', async () => {
    const seen: JournalEntry[] = [];
    const stop = new AbortController();
    await writeFile(path, '{"type":"agent-starting",');
    const following = (async () => {
      for await (const entry of followJournal(path, stop.signal)) seen.push(entry);
    })();
    await appendFile(path, '"at":2}\n');
    await until('the entry', () => seen.length === 1);
    stop.abort();
    await following;

    expect(seen).toEqual([{ type: 'agent-starting', at: 2 }]);
  });

  test('reads a line again that was cut off and written anew', async () => {
    const seen: JournalEntry[] = [];
    const stop = new AbortController();
    await writeFile(path, '{"type":"agent-star');
    const following = (async () => {
      for await (const entry of followJournal(path, stop.signal)) seen.push(entry);
    })();
    await truncate(path, 0);
    await appendFile(path, '{"type":"agent-starting","at":2}\n');
    await until('the entry', () => seen.length === 1);
    stop.abort();
    await following;

    expect(seen).toEqual([{ type: 'agent-starting', at: 2 }]);
  });
});

describe('sealing a run without a supervisor', () => {
  test('closes writes whose answer nobody knows', async () => {
    const writer = await claim();
    await writer.append({ type: 'agent-starting', at: 2 });
    await writer.append({ type: 'operation-started', operation: { sequence: 1, ...post } });
    await writer.append({ type: 'operation-started', operation: { sequence: 2, ...post } });
    await writer.append({
      type: 'operation',
      operation: { sequence: 2, ...post, outcome: 'ok', durationMs: 1 },
    });
    await writer.close();

    await sealJournal(path, run, () => ({ outcome: 'lost', endedAt: 9 }));

    const operations = (await readEntries(path)).filter(({ type }) => type === 'operation');
    expect(operations).toMatchObject([
      { operation: { sequence: 2, outcome: 'ok' } },
      {
        operation: {
          sequence: 1,
          outcome: 'error',
          reason: 'the supervisor died before the answer was known',
        },
      },
    ]);
  });

  test('keeps the end that was there first', async () => {
    const writer = await claim();
    await writer.seal({ type: 'ended', end: { outcome: 'exited', exitCode: 3, endedAt: 4 } });

    const end = await sealJournal(path, run, () => ({ outcome: 'lost', endedAt: 9 }));

    expect(end).toEqual({ outcome: 'exited', exitCode: 3, endedAt: 4 });
  });

  test('leaves the journal of a supervisor that lives alone', async () => {
    const writer = await claim();
    const before = await readFile(path, 'utf8');

    expect(await sealJournal(path, run, () => undefined)).toBeUndefined();
    expect(await readFile(path, 'utf8')).toBe(before);
    await writer.close();
  });

  test('leaves a run that a supervisor claims at the same time to it', async () => {
    const end = await sealJournal(path, run, ({ supervisor }) => {
      expect(supervisor).toBeUndefined();
      writeFileSync(path, `${JSON.stringify(header)}\n`);
      return { outcome: 'cancelled', endedAt: 9 };
    });

    expect(end).toBeUndefined();
    expect((await readJournal(path))?.end).toBeUndefined();
  });

  test('claims a run that was never launched, so that no launch can', async () => {
    const end = await sealJournal(path, run, ({ startedAt }) => ({
      outcome: startedAt === undefined ? 'cancelled' : 'lost',
      endedAt: 9,
    }));

    expect(end?.outcome).toBe('cancelled');
    expect(await claimJournal(path, header)).toBeUndefined();
  });
});

describe.skipIf(process.getuid?.() !== 0)(
  'on a full disk (needs root to mount a small one)',
  () => {
    beforeEach(() => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'journal-test', directory]);
    });
    afterEach(() => {
      execFileSync('umount', ['--lazy', directory]);
    });

    test('entries wait and land in order when there is space again', async () => {
      const writer = await claim();
      await fillDisk();
      const appended = Array.from({ length: 100 }, (_, at) =>
        writer.append({ type: 'launch-failed', at, reason: 'x'.repeat(200), retryable: true }),
      );
      await rm(join(directory, 'fill'));
      await Promise.all(appended);
      await writer.close();

      const entries = await readEntries(path);
      expect(entries.slice(1).map((entry) => 'at' in entry && entry.at)).toEqual(
        Array.from({ length: 100 }, (_, at) => at),
      );
    });

    test('no more waits than fits into a bound', async () => {
      const writer = await claim();
      await fillDisk();
      const appended = Array.from({ length: 1000 }, (_, at) =>
        writer.append({ type: 'launch-failed', at, reason: 'x'.repeat(200), retryable: true }),
      );
      const settled = Promise.allSettled(appended);
      await rm(join(directory, 'fill'));

      const rejected = (await settled).filter(({ status }) => status === 'rejected');
      expect(rejected.length).toBeGreaterThan(500);
      expect(rejected[0]).toMatchObject({ reason: { name: 'JournalFullError' } });
      await writer.close();
    });

    test('a run is sealed all the same', async () => {
      const writer = await claim();
      await fillDisk();
      await writer.seal({ type: 'ended', end: { outcome: 'lost', endedAt: 3 } });

      expect((await readJournal(path))?.end?.outcome).toBe('lost');
    });

    test('a run is sealed with the entries that it lacks', async () => {
      const writer = await claim();
      await fillDisk();
      const entries = [2, 3].map((at) => ({ type: 'agent-started', at }) as const);
      await writer.seal({ type: 'ended', end: { outcome: 'lost', endedAt: 4 } }, entries);

      expect((await readEntries(path)).map(({ type }) => type)).toEqual([
        'claimed',
        'agent-started',
        'agent-started',
        'ended',
      ]);
    });

    test('a run whose supervisor died is sealed, with the answers that nobody knows', async () => {
      const writer = await claim();
      await writer.append({ type: 'agent-starting', at: 2 });
      const call = { ...post, argumentsShort: 's'.repeat(5_000) };
      await writer.append({ type: 'operation-started', operation: { sequence: 1, ...call } });
      await fillDisk();
      await sealJournal(path, run, () => ({ outcome: 'lost', endedAt: 9 }));

      expect((await readEntries(path)).slice(-2)).toMatchObject([
        { type: 'operation', operation: { outcome: 'error' } },
        { type: 'ended' },
      ]);
    });

    async function fillDisk(): Promise<void> {
      const fill = writeFile(join(directory, 'fill'), Buffer.alloc(1024 * 1024));
      await expect(fill).rejects.toMatchObject({ code: 'ENOSPC' });
      // Up to the last byte of the journal's own page.
      await truncate(path, (await readFile(path)).length);
    }
  },
);
