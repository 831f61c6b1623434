import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';
import { fromHistoryJson, type WorkflowHistory } from '../histories/history-json.ts';
import { workflowBundle } from '../support/temporal.ts';

/** Recorded with `test/histories/record.ts`: they stand for the workflows that are open during an upgrade. */
const directory = join(import.meta.dirname, '../histories');
const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));

async function read(name: string): Promise<WorkflowHistory> {
  return fromHistoryJson(await readFile(join(directory, name), 'utf8'));
}

describe('the code of today', () => {
  test.for(names)('goes on with %s', async (name) => {
    const options = { workflowBundle: await workflowBundle(), replayName: name };
    await Worker.runReplayHistory(options, await read(name));
  });
});

describe('the history of a story', () => {
  test('tells it: signal_done per run, timers, and a summary on each timer and activity', async () => {
    const { events } = await read('story.json');
    const all = events ?? [];
    const signals = all.flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
      signal ? [String(signal.signalName)] : [],
    );
    expect(signals.filter((name) => name === 'signal_done')).toHaveLength(2);
    expect(signals.at(0)).toBe('issue_event');
    expect(signals).toContain('pr_comment');
    const summaries = all
      .filter(
        (event) => event.timerStartedEventAttributes ?? event.activityTaskScheduledEventAttributes,
      )
      .map(({ userMetadata }) => textOf(userMetadata?.summary?.data));
    expect(summaries).not.toContain('');
    expect(summaries.join('\n')).toMatch(/is it a target\?[^]*run 1: the issue[^]*watchdog until/);
    expect(summaries.join('\n')).toMatch(/gathering comments[^]*run 2: comment by alice/);
    expect(summaries.at(-1)).toMatch(/pull request #\d+ merged/);
  });
});

/** A summary is JSON. */
function textOf(data: Uint8Array | null | undefined): string {
  return data ? String(JSON.parse(Buffer.from(data).toString('utf8'))) : '';
}
