import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, test } from 'vitest';
import { createForgeActivities } from '../../src/activities/forge.ts';
import { createReportActivities } from '../../src/activities/reports.ts';
import type { OpenLifeInput, ReportActivities } from '../../src/activities/inputs.ts';
import {
  ForgeDeniedError,
  ForgeRefusedError,
  ForgeUnavailableError,
} from '../../src/domain/errors.ts';
import { bottleSlug, issueWorkflowId } from '../../src/domain/ids.ts';
import { MemoryForge } from '../../src/forges/memory/memory-forge.ts';
import { MemorySite } from '../../src/forges/memory/memory-site.ts';
import { freshStore } from '../store/fresh-store.ts';

/** An issue that is a target, and the activities as a worker runs them. */
async function aTarget(author = 'alice') {
  const site = new MemorySite();
  site.addOrg('bot-bottle', 'bot');
  const repository = site.addRepository('acme', 'widgets');
  site.grant(repository, 'bot', 'write');
  site.grant(repository, 'alice', 'write');
  const alice = site.person('alice', repository);
  const number = site.person(author, repository).openIssue({
    title: 'Work',
    labels: ['bot-bottle:demo'],
    assignees: ['bot'],
  });
  const forge = new MemoryForge(site, 'bot');
  const store = await freshStore();
  await store.repositories.see(repository);
  const activities = createForgeActivities({
    forge,
    store,
    org: 'bot-bottle',
    hostId: 'host',
    catalogue: {
      names: async () => ({
        agents: new Map([['demo', { bottle: 'default' }]]),
        bottles: new Set(['default']),
      }),
      backendOf: async () => 'local',
      sandboxOf: async () => ({ limits: {} }),
      plan: () => Promise.reject(new Error('nothing is launched here')),
    },
  });
  const reports = createReportActivities({
    forge,
    store,
    publicUrl: 'https://bots.example',
    lookAt: () => 'look',
  });
  const issue = { repository, number };
  const workflowId = issueWorkflowId(issue);
  const run = <Input, Output>(activity: (input: Input) => Promise<Output>, input: Input) =>
    new MockActivityEnvironment().run<[Input], Output, typeof activity>(activity, input);
  const open = (executionId: string, asked: Partial<OpenLifeInput> = {}) =>
    run(activities.openLife, {
      issue,
      workflowId,
      executionId,
      slug: bottleSlug(issue, workflowId, executionId),
      cause: 'target',
      lastSequence: 1,
      follows: false,
      ...asked,
    });
  const checkTarget = () => run(activities.checkTarget, { issue, closedCounts: false });
  const report = (input: Parameters<ReportActivities['reportLaunchFailure']>[0]) =>
    run(reports.reportLaunchFailure, input);
  const show = (input: Omit<Parameters<ReportActivities['showState']>[0], 'issue'>) =>
    run(reports.showState, { issue, ...input });
  return { alice, checkTarget, forge, issue, number, open, report, repository, show, store };
}

/** The first life has ended; events up to 5 were handled. */
async function aFinishedTarget() {
  const target = await aTarget();
  await target.open('first');
  await target.store.issues.update(target.issue, { phase: 'destroyed', lastSequence: 5 });
  return target;
}

describe('openLife', () => {
  test('begins a life once for one execution', async () => {
    const { open } = await aTarget();
    const first = await open('first');
    expect(first).toMatchObject({ verdict: 'target', life: { number: 1, agent: 'demo' } });
    expect(await open('first')).toEqual(first);
  });

  test('begins none for an event that an earlier life has handled', async () => {
    const { open } = await aFinishedTarget();
    expect(await open('late', { cause: 'reopened', lastSequence: 5 })).toMatchObject({
      verdict: 'not-now',
    });
    expect(await open('new', { cause: 'reopened', lastSequence: 6 })).toMatchObject({
      verdict: 'target',
      life: { number: 2 },
    });
  });

  test('begins the one that the life before asks for, though that has recorded the event as handled', async () => {
    const { open } = await aFinishedTarget();
    expect(
      await open('second', { cause: 'reopened', lastSequence: 5, follows: true }),
    ).toMatchObject({ verdict: 'target', life: { number: 2 } });
  });

  test('begins none after the end for a label that never was away, and one for a label that is back', async () => {
    const { alice, checkTarget, number, open } = await aFinishedTarget();
    expect(await open('edited', { lastSequence: 6 })).toMatchObject({ verdict: 'not-now' });
    alice.setLabels(number, []);
    expect(await open('away', { lastSequence: 7 })).toMatchObject({ verdict: 'not-now' });
    alice.setLabels(number, ['bot-bottle:demo']);
    expect(await open('back', { lastSequence: 8 })).toMatchObject({ verdict: 'target' });
    expect(await checkTarget()).toEqual({ targeted: true });
  });

  test('begins none after the end for an issue that was seen closed and is open again, unless that was the event', async () => {
    const { alice, number, open } = await aFinishedTarget();
    alice.close(number);
    expect(await open('closed', { lastSequence: 6 })).toMatchObject({ verdict: 'not-now' });
    alice.reopen(number);
    // What an outsider's reopening counts as.
    expect(await open('edited', { lastSequence: 7 })).toMatchObject({ verdict: 'not-now' });
    const reopened = { cause: 'reopened', lastSequence: 8 } as const;
    expect(await open('reopened', reopened)).toMatchObject({ verdict: 'target' });
  });

  test('begins none for an outsider who chose label and assignee, and one when a writer puts the label there', async () => {
    const { alice, number, open } = await aTarget('mallory');
    expect(await open('hers')).toMatchObject({
      verdict: 'not-now',
      reason: expect.stringContaining('may not instruct agents'),
    });
    alice.setLabels(number, []);
    alice.setLabels(number, ['bot-bottle:demo']);
    expect(await open('ours', { lastSequence: 2 })).toMatchObject({ verdict: 'target' });
  });

  test('says once that a retry found nothing to try', async () => {
    const { alice, forge, number, open, repository } = await aTarget();
    alice.setLabels(number, []);
    await open('first');
    expect(await forge.listComments(repository, number)).toEqual([]);
    await open('second', { cause: 'retry' });
    await open('second', { cause: 'retry' });
    expect(await forge.listComments(repository, number)).toMatchObject([
      { body: expect.stringMatching(/Nothing was tried again:\*\* no label/) },
    ]);
  });

  test('tells once what is wrong with the labels, however often it is asked', async () => {
    const { alice, forge, number, open, repository } = await aTarget();
    alice.setLabels(number, ['bot-bottle:demo', 'bot-bottle:other']);
    await open('first');
    await open('second', { lastSequence: 2 });
    expect(await forge.listComments(repository, number)).toHaveLength(1);
  });
});

describe('a report', () => {
  test('whose answer was lost is found again, not repeated', async () => {
    const { forge, issue, number, open, report, repository } = await aTarget();
    const opened = await open('first');
    const slug = opened.verdict === 'target' ? opened.life.slug : '';
    const input = { issue, slug, run: 1, pullRequest: undefined, reason: 'no disk' };
    forge.failNext('createComment', new ForgeUnavailableError('the line is dead'), 'after');
    await expect(report(input)).rejects.toThrow('the line is dead');
    await report(input);
    await report(input);
    expect(await forge.listComments(repository, number)).toHaveLength(1);
  });
});

describe('the state on the forge', () => {
  async function withPullRequest() {
    const target = await aTarget();
    target.alice.push('bot-bottle/issue-1');
    const draft = { title: 'Work', head: 'bot-bottle/issue-1' };
    return { ...target, pullRequest: target.alice.openPullRequest(draft) };
  }
  const pending = { state: 'pending', description: 'An agent is at work' } as const;

  test('is a label of the issue, and a status of the commit that the pull request has now', async () => {
    const { alice, forge, number, pullRequest, repository, show } = await withPullRequest();
    const status = { pullRequest, ...pending };
    await show({ label: 'running', status, pushes: 0 });
    expect((await forge.readIssue(repository, number)).labels).toContain('bottle/running');
    const shown = { context: 'bot-bottle', ...pending, url: 'https://bots.example' };
    expect(alice.statuses('bot-bottle/issue-1')).toEqual([shown]);
    alice.push('bot-bottle/issue-1');
    expect(alice.statuses('bot-bottle/issue-1')).toEqual([]);
    await show({ label: null, status, pushes: 1 });
    expect(alice.statuses('bot-bottle/issue-1')).toEqual([shown]);
    expect((await forge.readIssue(repository, number)).labels).toEqual(['bot-bottle:demo']);
  });

  test('is remembered with the commit that has it', async () => {
    const { forge, pullRequest, repository, show, store } = await withPullRequest();
    await show({ status: { pullRequest, ...pending }, pushes: 0 });
    const { headCommit } = await forge.readPullRequest(repository, pullRequest);
    expect(await store.reconcile.shownCommit(repository.id, pullRequest)).toBe(headCommit);
  });

  test('leaves labels alone that are not ours to set', async () => {
    const { alice, forge, number, pullRequest, repository, show } = await withPullRequest();
    alice.setLabels(number, ['bot-bottle:demo', 'bottle/mine']);
    await show({ status: { pullRequest, ...pending }, pushes: 0 });
    expect((await forge.readIssue(repository, number)).labels).toContain('bottle/mine');
  });

  test('that we have no right to show is told once per repository, and fails nothing', async () => {
    const { alice, forge, issue, number, pullRequest, repository, show, store } =
      await withPullRequest();
    const denied = () => new ForgeDeniedError('POST /labels: 403 no', { status: 403 });
    for (const label of ['queued', 'running'] as const) {
      forge.failNext('replaceLabel', denied());
      await show({ label, status: { pullRequest, ...pending }, pushes: 0 });
    }
    expect(alice.statuses('bot-bottle/issue-1')).toHaveLength(1);
    expect(await forge.listComments(repository, number)).toMatchObject([
      { body: expect.stringMatching(/ORCHESTRATOR_STATE_LABELS[^]*403 no/) },
    ]);
    expect(await store.repositories.wasTold(issue.repository.id, 'state labels')).toBe(true);
    expect(await store.repositories.wasTold(issue.repository.id, 'commit status')).toBe(false);
  });

  test('is not shown where that is denied and cannot be told either', async () => {
    const { forge, issue, show, store } = await withPullRequest();
    const denied = () => new ForgeDeniedError('403 no', { status: 403 });
    forge.failNext('replaceLabel', denied());
    forge.failNext('createComment', denied());
    await show({ label: 'running', pushes: 0 });
    forge.failNext('replaceLabel', new ForgeRefusedError('the repository is archived'));
    await show({ label: 'running', pushes: 0 });
    expect(await store.repositories.wasTold(issue.repository.id, 'state labels')).toBe(false);
  });

  test('is tried again when the forge is away', async () => {
    const { forge, show } = await withPullRequest();
    forge.failNext('replaceLabel', new ForgeUnavailableError('the line is dead'));
    await expect(show({ label: 'running', pushes: 0 })).rejects.toThrow('the line is dead');
  });
});
