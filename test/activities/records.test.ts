import { describe, expect, test } from 'vitest';
import type { PhaseInput } from '../../src/activities/inputs.ts';
import { createRecordActivities } from '../../src/activities/records.ts';
import { createNotifications } from '../../src/notifications/notifications.ts';
import { notificationEvents, type Notification } from '../../src/domain/notification.ts';
import { freshStore, issueOf, widgets } from '../store/fresh-store.ts';

/** A life, and what Temporal is given to tell people. */
async function aLife() {
  const store = await freshStore();
  const told: Notification[] = [];
  const notifications = createNotifications({
    store: store.notifications,
    notifiers: [
      { name: 'ntfy', host: 'ntfy.example', events: notificationEvents, send: async () => {} },
    ],
    start: async (notification) => void told.push(notification),
    log: { info() {}, warn: console.warn },
  });
  const issue = issueOf(7);
  await store.repositories.see(widgets);
  await store.issues.beginLife({
    issue,
    workflowId: 'issue/gitea.example/acme/widgets/7',
    life: 1,
    slug: 'slug',
    title: 'Mirror the\nlamp',
    url: 'https://gitea.example/acme/widgets/issues/7',
    agentName: 'demo',
    bottleNames: ['default'],
    backendName: 'local',
    agentGitUser: 'bot',
    branch: 'bot-bottle/issue-7',
    prNumber: undefined,
    beganAt: 0,
  });
  const records = createRecordActivities(store, notifications);
  return {
    store,
    issue,
    records,
    async runEnds(run: number, summary: string) {
      await store.runs.prepare({
        issue,
        slug: 'slug',
        life: 1,
        run,
        agentName: 'demo',
        bottleNames: ['default'],
        backendName: 'local',
        hostId: 'host',
        prompt: '',
        promptDigest: '',
        cause: '',
        provider: 'script',
        model: undefined,
        runBudget: {},
        issueBudget: {},
        manifestDigest: undefined,
      });
      await store.runs.done('slug', run, 'blocked', summary);
      await store.runs.ended('slug', run, { outcome: 'done', endedAt: 1 });
    },
    record: (input: Partial<PhaseInput>) =>
      records.recordPhase({
        issue,
        slug: 'slug',
        run: 1,
        phase: 'frozen',
        lastSequence: 0,
        pullRequest: undefined,
        pullRequestMerged: false,
        outcome: undefined,
        ...input,
      }),
    async told() {
      await notifications.handOver();
      return told;
    },
  };
}

describe('people are told with a phase', () => {
  test('what happened, in which issue and what to do, once, and without what an agent wrote', async () => {
    const life = await aLife();
    await life.runEnds(1, 'the password is s3cret');
    for (let i = 0; i < 3; i++) {
      await life.record({ notify: 'needs-you', outcome: 'done' });
    }
    const told = await life.told();
    expect(told).toEqual([
      {
        id: expect.any(String),
        raisedAt: expect.any(Number),
        event: 'needs-you',
        title: 'acme/widgets#7: needs you',
        text: [
          'acme/widgets#7: Mirror the lamp',
          'Run 1: the agent is blocked and needs a person.',
          'The bottle is frozen with everything in it. A comment here starts another run in it.',
        ].join('\n\n'),
        url: 'https://gitea.example/acme/widgets/issues/7',
        issue: {
          repository: 'acme/widgets',
          number: 7,
          title: 'Mirror the\nlamp',
          pullRequest: undefined,
        },
      },
    ]);
    await life.runEnds(2, '');
    await life.record({ notify: 'needs-you', outcome: 'done', run: 2 });
    expect(await life.told()).toHaveLength(2);
  });

  test('why a run could not be started', async () => {
    const life = await aLife();
    const reason = 'the image\nbusybox is not there';
    await life.records.recordLaunchFailure({ issue: life.issue, slug: 'slug', run: 1, reason });
    await life.record({ notify: 'failed', phase: 'failed' });
    const [told] = await life.told();
    expect(told).toMatchObject({
      event: 'failed',
      title: 'acme/widgets#7: run 1 could not be started',
      text: expect.stringContaining('the image busybox is not there'),
    });
  });

  test('of a pull request by its own page, under the name that the repository has now', async () => {
    const life = await aLife();
    await life.store.repositories.see({ ...widgets, name: 'gadgets' });
    await life.record({ notify: 'pull-request', pullRequest: 12 });
    const [told] = await life.told();
    expect(told).toMatchObject({
      title: 'acme/gadgets#7: pull request #12 is there for review',
      url: 'https://gitea.example/acme/widgets/issues/12',
      issue: { repository: 'acme/gadgets', pullRequest: 12 },
    });
  });

  test('that a life waits for approval, and then how its run ended', async () => {
    const life = await aLife();
    const waiting = { notify: 'needs-you', phase: 'queued', run: 0, awaitsApproval: true } as const;
    await life.record(waiting);
    await life.record(waiting);
    await life.runEnds(1, '');
    await life.record({ notify: 'needs-you', outcome: 'done' });
    expect((await life.told()).map(({ title }) => title)).toEqual([
      'acme/widgets#7: waits for approval',
      'acme/widgets#7: needs you',
    ]);
  });

  test('nothing where nothing is to be told', async () => {
    const life = await aLife();
    await life.runEnds(1, '');
    await life.record({ outcome: 'done' });
    expect(await life.told()).toEqual([]);
  });
});
