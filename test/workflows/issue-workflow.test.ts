import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issueWorkflowId } from '../../src/domain/ids.ts';
import type { IssueRef } from '../../src/domain/issue.ts';
import type { IssueCommand } from '../../src/domain/issue-command.ts';
import { createIssueCommands, createWorkflowSignals } from '../../src/temporal/issue-client.ts';
import type { Workers } from '../../src/temporal/workers.ts';
import type { issueWorkflow } from '../../src/workflows/issue-workflow.ts';
import {
  approveUpdate,
  type Command,
  destroyUpdate,
  extendDeadlineUpdate,
  freezeUpdate,
  type LifecycleSettings,
  resumeUpdate,
  retryUpdate,
  statusQuery,
} from '../../src/workflows/messages.ts';
import { permanentFailure, ScriptedHost } from '../support/scripted-host.ts';
import { createScriptedWorkers } from '../support/scripted-workers.ts';
import { startTestTemporal, type TestTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

let temporal: TestTemporal;
let host: ScriptedHost;
let workers: Workers;
let working: Promise<void>;

beforeAll(async () => {
  temporal = await startTestTemporal();
});
afterAll(async () => {
  await temporal?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  host = new ScriptedHost();
  await startWorkers();
});
afterEach(async () => {
  workers.shutdown();
  await working;
});

async function startWorkers(): Promise<void> {
  workers = await createScriptedWorkers(temporal, host);
  working = workers.run();
}

async function restartWorkers(): Promise<void> {
  workers.shutdown();
  await working;
  await startWorkers();
}

const usual: LifecycleSettings = {
  watchdogTimeoutMs: 1_800_000,
  runDeadlineMs: 4 * 3_600_000,
  commentDebounceMs: 200,
  continueAsNewAfter: 5_000,
};

/** One issue of its own, and the means to act on it. */
function anIssue(settings: Partial<LifecycleSettings> = {}) {
  const issue: IssueRef = {
    repository: { forgeHost: 'forge', id: 1, owner: 'acme', name: `r-${randomUUID().slice(0, 8)}` },
    number: 1,
  };
  const signals = createWorkflowSignals(temporal.client, { ...usual, ...settings });
  const handle = temporal.client.workflow.getHandle<typeof issueWorkflow>(issueWorkflowId(issue));
  let sequence = 0;
  // Asked again when it meets the moment in which one execution gives way to the next.
  const status = () => handle.query(statusQuery).catch(() => handle.query(statusQuery));
  return {
    issue,
    handle,
    signals,
    status,
    phase: async () => (await status()).phase,
    reaches: (phase: string) =>
      until(`phase ${phase}`, async () => (await status()).phase === phase),
    event: (action: 'opened' | 'labelled' | 'closed' | 'reopened', at = ++sequence) =>
      signals.signalWithStart(issue, 'An issue', 'http://forge', {
        signal: 'issue_event',
        event: { sequence: at, action, sender: 'alice' },
      }),
    comment: (at = ++sequence) => {
      // The store has it before the signal is sent: the next prompt will quote it.
      host.readUpTo = at;
      return signals.signal(issue, {
        signal: 'pr_comment',
        event: { sequence: at, kind: 'conversation', id: at, author: 'alice', on: 7 },
      });
    },
    pullRequest: (
      action: 'opened' | 'closed' | 'reopened' | 'synchronized',
      merged = false,
      at = ++sequence,
    ) =>
      signals.signalWithStart(issue, 'A pull request', 'http://forge', {
        signal: 'pr_event',
        event: {
          sequence: at,
          action,
          merged,
          number: 7,
          branch: 'bot-bottle/issue-1',
          sender: 'alice',
        },
      }),
    async history() {
      return (await handle.fetchHistory()).events ?? [];
    },
  };
}

/** Starts a life and brings it to `running`. */
async function aRunningIssue(settings: Partial<LifecycleSettings> = {}) {
  const one = anIssue(settings);
  await one.event('opened');
  await one.reaches('running');
  return one;
}

async function aFrozenIssue(settings: Partial<LifecycleSettings> = {}) {
  const one = await aRunningIssue(settings);
  host.run(1).done();
  await one.reaches('frozen');
  return one;
}

function count(call: string): number {
  return host.calls.filter((one) => one === call).length;
}

const by: { args: [Command] } = { args: [{ by: 'alice' }] };

describe('a life', () => {
  test('goes from queued over running and frozen to destroyed when its pull request is merged', async () => {
    const one = await aRunningIssue();
    host.run(1).done();
    await one.reaches('frozen');
    await one.comment();
    await until('the second run', () => host.launches.length === 2);
    expect(host.launches[1]).toMatchObject({ resumes: true, cause: 'comment by alice' });
    host.run(2).done();
    await until('frozen again', async () => {
      const { run, phase } = await one.status();
      return run === 2 && phase === 'frozen';
    });
    await one.pullRequest('closed', true);
    await one.handle.result();
    expect(host.phases).toEqual(['frozen', 'resuming', 'frozen', 'destroying', 'destroyed']);
    expect(host.notified).toEqual(['pull-request 1', 'pull-request 2']);
    expect(host.calls.filter((call) => call.startsWith('report'))).toEqual([]);
  });

  test('completes at once when the issue is no target', async () => {
    host.opening = () => ({ verdict: 'not-now', reason: 'no label' });
    const one = anIssue();
    await one.event('opened');
    await one.handle.result();
    expect(host.launches).toEqual([]);
  });

  test('reads the issue again when an event came while it was read', async () => {
    const one = anIssue();
    let reads = 0;
    host.opening = () => {
      reads++;
      if (reads === 1) {
        // The answer to this read is old by the time it arrives.
        throw new Error('not yet');
      }
      return { verdict: 'not-now', reason: 'no label' };
    };
    await one.event('opened');
    await until('the first read', () => reads === 1);
    await one.event('labelled');
    await one.handle.result();
    expect(reads).toBe(3);
  });

  test('destroys when its pull request is closed while the agent runs: stop, freeze, destroy', async () => {
    const one = await aRunningIssue();
    await one.pullRequest('closed');
    await one.handle.result();
    const order = ['stopRun 1 cancelled', 'freezeBottle', 'destroyBottle'];
    expect(host.calls.filter((call) => order.includes(call))).toEqual(order);
  });

  test('ends when the issue is closed while it is queued', async () => {
    host.places = 0;
    await restartWorkers();
    const one = anIssue();
    await one.event('opened');
    await until('the launch waits', () => count('openLife target') === 1);
    await one.event('closed');
    await one.handle.result();
    expect(host.launches).toEqual([]);
  });

  test('goes on when the issue is closed while the agent runs', async () => {
    const one = await aRunningIssue();
    await one.event('closed');
    host.run(1).done();
    await one.reaches('frozen');
    expect(count('destroyBottle')).toBe(0);
  });

  test('begins again when the pull request is reopened while the bottle is being destroyed', async () => {
    const destroying = Promise.withResolvers<void>();
    host.destroyDelay = destroying.promise;
    const one = await aFrozenIssue();
    await one.pullRequest('closed');
    await one.reaches('destroying');
    await one.pullRequest('reopened');
    destroying.resolve();
    await until('a second life', () => host.launches.length === 2);
    expect(count('openLife reopened')).toBe(1);
    const slugs = new Set(host.launches.map((launch) => launch.life.slug));
    expect(slugs.size).toBe(2);
  });

  test('loses no event that arrives in the moment its workflow ends', async () => {
    const one = await aFrozenIssue();
    await one.pullRequest('closed');
    // Whether this meets the old life or finds it gone: another one begins.
    await one.pullRequest('reopened');
    await until('a second life', () => host.lives === 2);
  });
});

describe('comments', () => {
  test('that come together are one run', async () => {
    const one = await aFrozenIssue({ commentDebounceMs: 1_000 });
    await one.comment();
    await one.comment();
    await one.comment();
    await until('the second run', () => host.launches.length === 2);
    expect(host.launches[1]?.cause).toBe('3 comments by alice');
    host.run(2).done();
    await until('frozen', async () => (await one.phase()) === 'frozen');
    expect((await one.status()).unreadComments).toBe(0);
  });

  test('that come while the agent runs are read by the next run', async () => {
    const one = await aRunningIssue();
    await one.comment();
    expect((await one.status()).unreadComments).toBe(1);
    host.run(1).done();
    await until('the second run', () => host.launches.length === 2);
  });

  test('that come while queued are read by the first run', async () => {
    host.places = 0;
    await restartWorkers();
    const one = anIssue();
    await one.event('opened');
    await until('the life', () => count('openLife target') === 1);
    await one.comment();
    host.places = 1;
    await restartWorkers();
    await one.reaches('running');
    expect((await one.status()).unreadComments).toBe(0);
    host.run(1).done();
    await one.reaches('frozen');
    expect(host.launches).toHaveLength(1);
  });

  test('whose signal comes after their prompt was made are not read twice', async () => {
    const one = await aFrozenIssue();
    await one.comment(10);
    host.readUpTo = 11;
    await until('the second run', () => host.launches.length === 2);
    await one.comment(11);
    host.run(2).done();
    await until('frozen', async () => (await one.phase()) === 'frozen');
    expect((await one.status()).unreadComments).toBe(0);
  });
});

describe('signals', () => {
  test('that are repeated or late change nothing', async () => {
    const one = await aFrozenIssue();
    await one.comment(20);
    await until('the second run', () => host.launches.length === 2);
    host.run(2).done();
    await until('frozen', async () => (await one.phase()) === 'frozen');
    await one.comment(20);
    await one.pullRequest('closed', false, 19);
    await one.event('closed', 3);
    expect(await one.status()).toMatchObject({ phase: 'frozen', unreadComments: 0, run: 2 });
  });

  test('of another branch leave the bottle alone', async () => {
    const one = await aFrozenIssue();
    await one.signals.signal(one.issue, {
      signal: 'pr_event',
      event: {
        sequence: 50,
        action: 'closed',
        merged: true,
        number: 3,
        branch: 'bot-bottle/issue-1-2',
        sender: 'alice',
      },
    });
    expect(await one.phase()).toBe('frozen');
  });
});

describe('the watchdog', () => {
  test('is a durable timer of 1800 s by default', async () => {
    const one = await aRunningIssue();
    const timers = (await one.history()).flatMap(
      (event) => event.timerStartedEventAttributes ?? [],
    );
    expect(timers.map((timer) => Number(timer.startToFireTimeout?.seconds))).toEqual([1800]);
  });

  test('stops a run that was silent for too long, and people are told', async () => {
    const one = await aRunningIssue({ watchdogTimeoutMs: 1_000 });
    await one.reaches('frozen');
    expect(host.calls).toContain('stopRun 1 watchdog');
    expect((await one.status()).outcome).toBe('watchdog');
    await until('the report', () => count('reportRun 1') === 1);
    expect(host.notified).toEqual(['failed 1']);
  });

  test('leaves a lively run alone, at 11 events a window', async () => {
    host.lastCheckinAt = () => Date.now() - 10;
    const one = await aRunningIssue({ watchdogTimeoutMs: 1_000 });
    await until('the third probe', () => count('probeRun 1') === 3);
    const timers = (await one.history()).flatMap(({ timerStartedEventAttributes }, index) =>
      timerStartedEventAttributes ? [index] : [],
    );
    expect((timers[2] ?? 0) - (timers[1] ?? 0)).toBe(11);
    expect(await one.phase()).toBe('running');
  });

  test('does not fire for a run that has ended', async () => {
    const one = await aRunningIssue({ watchdogTimeoutMs: 1_000 });
    host.run(1).done();
    await one.reaches('frozen');
    expect((await one.status()).outcome).toBe('done');
  });
});

describe('the deadline', () => {
  test('ends a run however chatty it is', async () => {
    host.lastCheckinAt = () => Date.now();
    const one = await aRunningIssue({ watchdogTimeoutMs: 700, runDeadlineMs: 2_000 });
    await one.reaches('frozen');
    expect((await one.status()).outcome).toBe('deadline');
  });

  test('comes sooner where the agent’s manifest says so, and never later', async () => {
    host.lastCheckinAt = () => Date.now();
    host.timeLimitMs = 2_000;
    const short = await aRunningIssue({ runDeadlineMs: 600_000 });
    host.timeLimitMs = 600_000;
    const long = await aRunningIssue({ runDeadlineMs: 2_000 });
    for (const one of [short, long]) {
      await one.reaches('frozen');
      expect((await one.status()).outcome).toBe('deadline');
    }
  });

  test('can be extended while the run goes on', async () => {
    host.lastCheckinAt = () => Date.now();
    const one = await aRunningIssue({ runDeadlineMs: 2_000 });
    const { deadlineAt } = await one.status();
    await one.handle.executeUpdate(extendDeadlineUpdate, { args: [{ by: 'alice', byMs: 60_000 }] });
    expect((await one.status()).deadlineAt).toBe((deadlineAt ?? 0) + 60_000);
    await until('the old deadline', () => Date.now() > (deadlineAt ?? 0) + 500);
    expect(await one.phase()).toBe('running');
  });
});

describe('commands', () => {
  test('freeze stops a run and keeps the bottle; resume goes on', async () => {
    const one = await aRunningIssue();
    expect(await one.handle.executeUpdate(freezeUpdate, by)).toEqual({ phase: 'running' });
    await one.reaches('frozen');
    expect((await one.status()).outcome).toBe('cancelled');
    expect(count('reportRun 1')).toBe(0);
    await one.handle.executeUpdate(resumeUpdate, by);
    await until('the second run', () => host.launches.length === 2);
    expect(host.launches[1]?.cause).toBe('alice asked to resume');
  });

  test('freeze keeps frozen what has unread comments, until a new one comes', async () => {
    const one = await aRunningIssue();
    await one.comment();
    await one.handle.executeUpdate(freezeUpdate, by);
    await one.reaches('frozen');
    expect((await one.status()).unreadComments).toBe(1);
    await one.comment();
    await until('the second run', () => host.launches.length === 2);
  });

  test('extend takes whole milliseconds only', async () => {
    const one = await aRunningIssue();
    for (const byMs of [Number.NaN, -1, 0.5]) {
      const refused = await one.handle
        .executeUpdate(extendDeadlineUpdate, { args: [{ by: 'alice', byMs }] })
        .catch((error) => error);
      expect(refused.cause.message).toContain('byMs');
    }
  });

  test('that make no sense are refused with the reason', async () => {
    const one = await aFrozenIssue();
    const refused = await one.handle.executeUpdate(freezeUpdate, by).catch((error) => error);
    expect(refused.cause).toMatchObject({
      type: 'CommandRefused',
      message: 'nothing runs: the issue is frozen',
    });
    expect((await one.status()).phase).toBe('frozen');
  });

  test('destroy answers before the bottle is gone', async () => {
    const destroying = Promise.withResolvers<void>();
    host.destroyDelay = destroying.promise;
    const one = await aFrozenIssue();
    expect(await one.handle.executeUpdate(destroyUpdate, by)).toEqual({ phase: 'frozen' });
    await one.reaches('destroying');
    destroying.resolve();
    await one.handle.result();
  });

  test('retry begins another life after one has ended', async () => {
    const one = await aFrozenIssue();
    await one.handle.executeUpdate(destroyUpdate, by);
    await one.handle.result();
    const commands = createIssueCommands(temporal.client, usual, async () => undefined);
    expect(await commands.send(one.issue, { type: 'freeze', by: 'alice' })).toEqual({
      answer: 'no-workflow',
    });
    expect(await commands.send(one.issue, { type: 'retry', by: 'alice' })).toEqual({
      answer: 'accepted',
      phase: 'queued',
    });
    await until('a second life', () => host.lives === 2);
    expect(count('openLife retry')).toBe(1);
  });
});

describe('a life that must be approved', () => {
  const approval = { approval: 'required' } as const;

  test('is asked for once, waits across restarts, says so, and launches when somebody approves', async () => {
    const one = anIssue(approval);
    await one.event('opened');
    await until('the question', () => count('askForApproval demo') === 1);
    expect(await one.status()).toMatchObject({ phase: 'queued', awaitsApproval: true });
    await restartWorkers();
    await one.comment();
    expect(await one.status()).toMatchObject({ phase: 'queued', unreadComments: 1 });
    expect(host.launches).toEqual([]);
    expect(host.notified).toEqual(['needs-you 0']);
    expect(await one.handle.executeUpdate(approveUpdate, by)).toEqual({ phase: 'queued' });
    await one.reaches('running');
    expect((await one.status()).awaitsApproval).toBe(false);
    expect(count('askForApproval demo')).toBe(1);
    host.run(1).done();
    await one.reaches('frozen');
    await one.handle.executeUpdate(resumeUpdate, by);
    await until('the second run', () => host.launches.length === 2);
  });

  test('ends when the label is taken away meanwhile', async () => {
    const one = anIssue(approval);
    await one.event('opened');
    await until('the question', () => count('askForApproval demo') === 1);
    host.targeted = false;
    await one.event('labelled');
    await one.handle.result();
    expect(host.launches).toEqual([]);
    expect(host.phases.at(-1)).toBe('destroyed');
  });
});

describe('the state on the forge', () => {
  test('is shown from phase to phase, the last of it before the workflow ends', async () => {
    const one = await aRunningIssue({ shows: { labels: true } });
    host.run(1).done();
    await one.reaches('frozen');
    await until('it to be shown', () => host.shown.at(-1) === 'frozen success #7');
    await one.pullRequest('closed', true);
    await one.handle.result();
    expect(host.shown.at(-1)).toBe('success #7');
    expect(host.shown).toContain('running');
  });

  test('is shown again when the head of the pull request moves, and not when nothing changes', async () => {
    const one = await aRunningIssue({ shows: { labels: false } });
    await one.pullRequest('opened');
    await until('it to be shown', () => host.shown.length === 1);
    await one.comment();
    await one.pullRequest('synchronized');
    await until('it to be shown again', () => host.shown.length === 2);
    expect(host.shown).toEqual(['pending #7', 'pending #7']);
  });

  test('holds back nothing while the forge does not answer, but the end of the workflow', async () => {
    const one = await aRunningIssue({ shows: { labels: true } });
    await until('it to be shown', () => host.shown.at(-1) === 'running');
    const answer = Promise.withResolvers<void>();
    host.forgeAnswers = answer.promise;
    host.run(1).done();
    await one.reaches('frozen');
    await one.handle.executeUpdate(destroyUpdate, by);
    await one.reaches('destroyed');
    answer.resolve();
    await one.handle.result();
    expect(host.shown.at(-1)).toBe('success #7');
  });
});

describe('a command that came with a delivery', () => {
  test('is done once however often it is sent, also after what it began has changed', async () => {
    const one = await aRunningIssue();
    const { deadlineAt = 0 } = await one.status();
    const send = (command: IssueCommand) => one.signals.command(one.issue, 'An issue', '', command);
    const extend = { type: 'extend', by: 'alice', byMs: 60_000, sequence: 2 } as const;
    const freeze = { type: 'freeze', by: 'alice', sequence: 3 } as const;
    expect(await send(extend)).toEqual({ answer: 'accepted', phase: 'running' });
    expect(await send(extend)).toEqual({ answer: 'accepted', phase: 'running' });
    expect((await one.status()).deadlineAt).toBe(deadlineAt + 60_000);
    await send(freeze);
    await one.reaches('frozen');
    expect(await send(freeze)).toEqual({ answer: 'accepted', phase: 'frozen' });
    expect(await send({ ...freeze, sequence: 4 })).toMatchObject({ answer: 'refused' });
  });

  test('finds no workflow, and retry begins one', async () => {
    const one = anIssue();
    const send = (type: 'freeze' | 'retry', at: number) =>
      one.signals.command(one.issue, 'An issue', '', { type, by: 'alice', sequence: at });
    expect(await send('freeze', 1)).toEqual({ answer: 'no-workflow' });
    expect(await send('retry', 2)).toEqual({ answer: 'accepted', phase: 'queued' });
    await one.reaches('running');
  });
});

describe("a model provider's limit", () => {
  /** Brings a life to `parked`, until a moment from now. */
  async function aParkedIssue(forMs: number) {
    const one = await aRunningIssue();
    const parkedUntil = Date.now() + forMs;
    host.run(1).finish('parked', { parkedUntil });
    await one.reaches('parked');
    return { ...one, parkedUntil };
  }

  test('parks the issue on a durable timer, is told of once, and goes on by itself', async () => {
    const one = await aParkedIssue(1_500);
    expect(await one.status()).toMatchObject({ parkedUntil: one.parkedUntil, outcome: 'parked' });
    await until('the report', () => count('reportRun 1') === 1);
    await until('the second run', () => host.launches.length === 2);
    expect(Date.now()).toBeGreaterThan(one.parkedUntil);
    expect(host.launches[1]).toMatchObject({
      resumes: true,
      cause: "the model provider's limit has been reset",
    });
    host.run(2).done();
    await until('frozen', async () => (await one.phase()) === 'frozen');
    expect((await one.status()).parkedUntil).toBeUndefined();
    expect(host.phases).toEqual(['parked', 'resuming', 'frozen']);
    expect(host.notified).toEqual(['pull-request 2']);
    expect(count('reportRun 1')).toBe(1);
    const summaries = (await one.history()).flatMap((event) =>
      event.timerStartedEventAttributes
        ? [Buffer.from(event.userMetadata?.summary?.data ?? '').toString('utf8')]
        : [],
    );
    expect(summaries).toContainEqual(expect.stringMatching(/^"parked until .*\d\d:\d\d UTC"$/));
  });

  test('is waited for with the comments that come meanwhile, which the next run reads', async () => {
    const one = await aParkedIssue(1_500);
    await one.comment();
    await until('the second run', () => host.launches.length === 2);
    expect(Date.now()).toBeGreaterThan(one.parkedUntil);
    await one.reaches('running');
    expect((await one.status()).unreadComments).toBe(0);
  });

  test('is not waited for when a person says so', async () => {
    const one = await aParkedIssue(3_600_000);
    expect(await one.handle.executeUpdate(resumeUpdate, by)).toEqual({ phase: 'parked' });
    await until('the second run', () => host.launches.length === 2);
    expect(host.launches[1]?.cause).toBe('alice asked to resume');
  });

  test('keeps no bottle whose pull request is closed', async () => {
    const one = await aParkedIssue(3_600_000);
    await one.pullRequest('closed');
    await one.handle.result();
    expect(host.launches).toHaveLength(1);
    expect(host.phases).toEqual(['parked', 'destroying', 'destroyed']);
  });

  test('holds on in a new execution', async () => {
    const one = await aRunningIssue({ continueAsNewAfter: 20 });
    const { runId } = await one.handle.describe();
    host.run(1).finish('parked', { parkedUntil: Date.now() + 3_600_000 });
    await one.reaches('parked');
    await until('a new execution', async () => {
      await one.comment();
      return (await one.handle.describe()).runId !== runId;
    });
    expect(await one.phase()).toBe('parked');
    expect(host.launches).toHaveLength(1);
  });

  test('whose reset nobody knows leaves the issue frozen', async () => {
    const one = await aRunningIssue();
    host.run(1).finish('parked');
    await one.reaches('frozen');
    await until('the report', () => count('reportRun 1') === 1);
  });
});

describe('a launch', () => {
  test('that cannot succeed fails with a comment, and retry tries again under the next number', async () => {
    host.launchFailure = () => permanentFailure('there is no agent demo');
    const one = anIssue();
    await one.event('opened');
    await one.reaches('failed');
    await until('the report', () => count('reportLaunchFailure 1') === 1);
    expect(host.phases).toContain('failed');
    expect(host.notified).toEqual(['failed 1']);
    host.launchFailure = undefined;
    await one.handle.executeUpdate(retryUpdate, by);
    await one.reaches('running');
    expect((await one.status()).run).toBe(2);
  });

  test('that fails is tried again by a new comment, not by one that was there', async () => {
    const one = await aFrozenIssue();
    host.launchFailure = () => permanentFailure('no disk');
    await one.comment();
    await one.reaches('failed');
    expect((await one.status()).unreadComments).toBe(1);
    host.launchFailure = undefined;
    await one.comment();
    await one.reaches('running');
    expect(await one.status()).toMatchObject({ unreadComments: 0, run: 3 });
  });

  test('waits for a place: the second issue starts when the first is frozen', async () => {
    host.places = 1;
    await restartWorkers();
    const first = await aRunningIssue();
    const second = anIssue();
    await second.event('opened');
    await until('the second life', () => host.lives === 2);
    await restartWorkers();
    expect(await second.phase()).toBe('queued');
    host.run(1).done();
    await first.reaches('frozen');
    await second.reaches('running');
    expect(host.launches).toHaveLength(2);
  });
});

describe('a label or an assignee that is taken away', () => {
  test('freezes a run, and its return resumes it', async () => {
    const one = await aRunningIssue();
    host.targeted = false;
    await one.event('labelled');
    await one.reaches('frozen');
    expect(await one.status()).toMatchObject({ held: true, outcome: 'cancelled' });
    await one.comment();
    const refused = await one.handle.executeUpdate(resumeUpdate, by).catch((error) => error);
    expect(refused.cause.message).toContain('put it back first');
    host.targeted = true;
    await one.event('labelled');
    await until('the second run', () => host.launches.length === 2);
  });

  test('leaves a frozen issue alone, and so does its return', async () => {
    const one = await aFrozenIssue();
    host.targeted = false;
    await one.event('labelled');
    await until('the hold', async () => (await one.status()).held);
    host.targeted = true;
    await one.event('labelled');
    await until('its end', async () => !(await one.status()).held);
    expect(await one.phase()).toBe('frozen');
    expect(host.launches).toHaveLength(1);
  });

  test('cancels a queued issue', async () => {
    host.places = 0;
    await restartWorkers();
    const one = anIssue();
    await one.event('opened');
    await until('the life', () => host.lives === 1);
    host.targeted = false;
    await one.event('labelled');
    await one.handle.result();
    expect(host.launches).toEqual([]);
  });
});

describe('a forge that does not answer', () => {
  test('holds back neither deadline nor end of a run whose label may have changed', async () => {
    const one = await aRunningIssue({ runDeadlineMs: 1_500 });
    const answer = Promise.withResolvers<void>();
    host.forgeAnswers = answer.promise;
    await one.event('labelled');
    await until('the question', () => count('checkTarget') === 1);
    await one.reaches('frozen');
    expect((await one.status()).outcome).toBe('deadline');
    answer.resolve();
  });

  test('holds back no destroy command while the issue is read', async () => {
    const answer = Promise.withResolvers<void>();
    host.forgeAnswers = answer.promise;
    const one = anIssue();
    await one.event('opened');
    await until('the reading', async () => (await one.history()).length > 5);
    await one.handle.executeUpdate(destroyUpdate, by);
    answer.resolve();
    await one.handle.result();
    expect(host.launches).toEqual([]);
  });

  test('for good takes no comment, and the next life begins all the same', async () => {
    host.reportFailure = () => ApplicationFailure.nonRetryable('archived', 'ForgeRefusedError');
    const one = await aRunningIssue();
    host.run(1).finish('exited', { exitCode: 3 });
    await one.reaches('frozen');
    await until('the note', () =>
      host.calls.some((call) => /^recordAttention .*archived/.test(call)),
    );
    await one.pullRequest('closed');
    await one.pullRequest('reopened');
    await until('a second life', () => host.lives === 2);
  });
});

describe('a long history', () => {
  test('goes on as a new execution in the middle of a run, which is neither started nor stopped', async () => {
    const one = await aRunningIssue({ continueAsNewAfter: 10 });
    await until('a new execution', async () => {
      const [started] = await one.history();
      const from = started?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
      return from !== undefined && from !== null && from !== '';
    });
    await until('the watch', () => host.watching === 1);
    expect(await one.status()).toMatchObject({ phase: 'running', run: 1 });
    host.run(1).done();
    await one.reaches('frozen');
    expect(count('launchBottle 1')).toBe(1);
    expect(host.calls.filter((call) => call.startsWith('stopRun'))).toEqual([]);
    await one.pullRequest('closed', true);
    await one.handle.result();
  });

  test('goes on while the forge is told where the issue is, and tells it again', async () => {
    const answer = Promise.withResolvers<void>();
    const one = await aRunningIssue({ continueAsNewAfter: 30, shows: { labels: true } });
    await until('it to be shown', () => host.shown.at(-1) === 'running');
    host.forgeAnswers = answer.promise;
    host.run(1).done();
    await one.reaches('frozen');
    // Known already: they make the history longer, and change nothing.
    for (let signal = 0; signal < 8; signal++) await one.comment(1);
    await until('a new execution', async () => {
      const [started] = await one.history();
      return Boolean(started?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId);
    });
    answer.resolve();
    await until('it to be shown', () => host.shown.at(-1) === 'frozen success #7');
    await one.pullRequest('closed', true);
    await one.handle.result();
  });
});

describe('an event that arrives in the very moment in which an execution ends', () => {
  test('is handled by the next one, when the life goes on', async () => {
    const one = await aRunningIssue({ continueAsNewAfter: 10 });
    host.whileRecording = async (phase) => {
      if (phase === 'frozen') await one.pullRequest('closed', true);
    };
    host.run(1).done();
    await one.reaches('destroyed');
    await one.handle.result();
  });

  test('begins the next life, when the life is over', async () => {
    const one = await aFrozenIssue();
    host.whileRecording = async (phase) => {
      if (phase === 'destroyed' && host.lives === 1) await one.pullRequest('reopened');
    };
    await one.pullRequest('closed');
    await until('a second life', () => host.lives === 2);
  });
});

describe('a cancellation in Temporal', () => {
  test('destroys the bottle in good order', async () => {
    const one = await aRunningIssue();
    await one.handle.cancel();
    await until('the end', async () => (await one.handle.describe()).status.name !== 'RUNNING');
    expect(host.phases.at(-1)).toBe('destroyed');
  });
});
