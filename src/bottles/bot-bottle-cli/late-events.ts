import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describeArguments } from '../../journal/call-arguments.ts';
import type { JournalEntry } from '../../journal/format.ts';
import { readJournal } from '../../journal/reader.ts';
import { reopenJournal } from '../../journal/writer.ts';
import type { SidecarCall } from '../backend.ts';
import { type BottlePaths, runPaths } from '../directory.ts';
import { isAlive } from '../liveness.ts';
import { listEvents, queuePath, readEvent } from './queue.ts';

/**
 * Writes what the CLI's sidecar told, and a supervisor that died did not record, to the journal of the last run. Nothing to do once
 * that is sealed. Each event is one call of the op log: the highest number there says how many were recorded.
 *
 * The caller holds the bottle's lock.
 */
export async function recordLateEvents(paths: BottlePaths): Promise<void> {
  const runs = (await readdir(paths.runs).catch(() => [])).map(Number);
  const { root, journal: path } = runPaths(paths.runs, Math.max(...runs));
  const journal = await readJournal(path);
  const supervisor = journal?.header?.supervisor;
  if (journal === undefined || journal.end !== undefined) return;
  if (supervisor === undefined || isAlive(supervisor)) return;
  const queue = queuePath(root);
  const late = (await listEvents(queue)).slice(journal.lastSequence);
  if (late.length === 0) return;
  const writer = await reopenJournal(path, journal.validBytes);
  let sequence = journal.lastSequence;
  for (const name of late) {
    for (const entry of entriesOf(await readEvent(join(queue, name)), ++sequence)) {
      await writer.append(entry, { durable: false });
    }
  }
  await writer.close();
}

function entriesOf(call: SidecarCall, sequence: number): JournalEntry[] {
  const at = Date.now();
  const { pullRequest, comment, done, arguments: given, ...known } = call;
  return [
    ...(pullRequest === undefined
      ? []
      : [{ type: 'pull-request', at, number: pullRequest } as const]),
    ...(comment === undefined ? [] : [{ type: 'comment', at, id: comment } as const]),
    ...(done === undefined ? [] : [{ type: 'done', at, done } as const]),
    {
      type: 'operation',
      operation: { sequence, at, ...known, ...describeArguments(given), durationMs: 0 },
    },
  ];
}
