import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { issueWorkflowId } from '../../src/domain/ids.ts';
import type { IssueRef } from '../../src/domain/issue.ts';
import { createWorkflowSignals } from '../../src/temporal/issue-client.ts';
import type { issueWorkflow } from '../../src/workflows/issue-workflow.ts';
import {
  approveUpdate,
  type LifecycleSettings,
  resumeUpdate,
  retryUpdate,
  statusQuery,
} from '../../src/workflows/messages.ts';
import { ScriptedHost } from '../support/scripted-host.ts';
import { createScriptedWorkers } from '../support/scripted-workers.ts';
import { startTestTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';
import { openIssue } from '../support/world-issue.ts';
import { startWorld } from '../support/world.ts';
import { toHistoryJson } from './history-json.ts';

/**
 * Records the histories that `replay.test.ts` replays: `npm run build && node test/histories/record.ts`, or some of them
 * by name. Record anew only when no workflow of the old kind can be open any more: what is here stands for the open ones.
 */
const recordings: Readonly<Record<string, () => Promise<void>>> = {
  story: recordStory,
  'watchdog-and-retry': recordWatchdogAndRetry,
  parked: recordParked,
  'approved-and-shown': recordApprovedAndShown,
};
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(recordings)) {
  await recordings[name]?.();
}

/** On real parts: an issue, a comment on its pull request, a merge. */
async function recordStory(): Promise<void> {
  await using world = await startWorld();
  const issue = await openIssue(world, await world.repository(), 'demo', {
    title: 'A greeting',
    body: 'create hello.txt with "Hello, world".',
  });
  const pullRequest = await issue.worked(1);
  await issue.alice.comment(pullRequest, 'append "and good night" to hello.txt');
  await issue.worked(2);
  await issue.alice.merge(pullRequest);
  await issue.reaches('destroyed', 2);
  await issue.workflow.result();
  await save('story', issue.workflow);
}

/** Whose life goes on as a new execution after few events. */
async function recordWatchdogAndRetry(): Promise<void> {
  await using stage = await startStage({ watchdogTimeoutMs: 1_000, continueAsNewAfter: 50 });
  const { handle, host } = stage;
  await stage.opened();
  await stage.reaches('frozen', 1);
  const first = (await handle.describe()).runId;
  host.lastCheckinAt = () => Date.now();
  await handle.executeUpdate(retryUpdate, { args: [{ by: 'alice' }] });
  await stage.reaches('running', 2);
  await until('a new execution', async () => (await handle.describe()).runId !== first);
  await until('its watch', () => host.watching === 1);
  host.run(2).done();
  await stage.reaches('frozen', 2);
  await stage.merged();
  const second = (await handle.describe()).runId;
  await handle.result();
  await save('watchdog-and-retry', stage.execution(first));
  await save('after-continue-as-new', stage.execution(second));
}

/** A limit of the model provider, met twice: the issue goes on by itself, and then because a person asks for it. */
async function recordParked(): Promise<void> {
  await using stage = await startStage({});
  const { handle, host } = stage;
  await stage.opened();
  await stage.reaches('running', 1);
  host.run(1).finish('parked', { parkedUntil: Date.now() + 1_000 });
  await stage.reaches('running', 2);
  host.run(2).finish('parked', { parkedUntil: Date.now() + 3_600_000 });
  await stage.reaches('parked', 2);
  await handle.executeUpdate(resumeUpdate, { args: [{ by: 'alice' }] });
  await stage.reaches('running', 3);
  host.run(3).done();
  await stage.reaches('frozen', 3);
  await stage.merged();
  await handle.result();
  await save('parked', handle);
}

/** Nothing begins without a person, and the forge shows where it is. */
async function recordApprovedAndShown(): Promise<void> {
  await using stage = await startStage({ approval: 'required', shows: { labels: true } });
  const { handle, host } = stage;
  await stage.opened();
  await until('the question', () => host.calls.includes('askForApproval demo'));
  await handle.executeUpdate(approveUpdate, { args: [{ by: 'alice' }] });
  await stage.reaches('running', 1);
  host.run(1).done();
  await stage.reaches('frozen', 1);
  await until('it to be shown', () => host.shown.at(-1) === 'frozen success #7');
  await stage.merged();
  await handle.result();
  await save('approved-and-shown', handle);
}

/** An issue on a scripted host. */
async function startStage(settings: Partial<LifecycleSettings>) {
  const temporal = await startTestTemporal();
  const host = new ScriptedHost();
  const workers = await createScriptedWorkers(temporal, host);
  const working = workers.run();
  const issue: IssueRef = {
    repository: { forgeHost: 'forge', id: 1, owner: 'acme', name: 'widgets' },
    number: 1,
  };
  const { client } = temporal;
  const signals = createWorkflowSignals(client, {
    watchdogTimeoutMs: 1_800_000,
    runDeadlineMs: 3_600_000,
    commentDebounceMs: 100,
    continueAsNewAfter: 5_000,
    ...settings,
  });
  const handle = client.workflow.getHandle<typeof issueWorkflow>(issueWorkflowId(issue));
  return {
    host,
    handle,
    execution: (runId: string) => client.workflow.getHandle(handle.workflowId, runId),
    reaches: (phase: string, run: number) =>
      until(`run ${run} to be ${phase}`, async () => {
        const status = await handle.query(statusQuery);
        return status.phase === phase && status.run === run;
      }),
    opened: () =>
      signals.signalWithStart(issue, 'An issue', 'http://forge/1', {
        signal: 'issue_event',
        event: { sequence: 1, action: 'opened', sender: 'alice' },
      }),
    merged: () =>
      signals.signal(issue, {
        signal: 'pr_event',
        event: {
          sequence: 2,
          action: 'closed',
          number: 7,
          branch: 'bot-bottle/issue-1',
          merged: true,
          sender: 'alice',
        },
      }),
    async [Symbol.asyncDispose]() {
      workers.shutdown();
      await working;
      await temporal[Symbol.asyncDispose]();
    },
  };
}

async function save(name: string, handle: WorkflowHandle<typeof issueWorkflow>): Promise<void> {
  const json = toHistoryJson(await handle.fetchHistory())
    // Who recorded it is of no concern.
    .replaceAll(hostname(), 'recorded-host')
    .replace(/"(identity|binaryChecksum)": "[^"]*"/g, '"$1": "recorded"');
  await writeFile(join(import.meta.dirname, `${name}.json`), `${json}\n`);
  console.log(`recorded ${name}`);
}
