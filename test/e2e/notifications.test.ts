import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { orchestratorTaskQueue } from '../../src/domain/ids.ts';
import { publishes, succeeds } from '../support/agents.ts';
import {
  type NotificationServer,
  startNotificationServer,
} from '../support/notification-server.ts';
import { until } from '../support/until.ts';
import { openIssue } from '../support/world-issue.ts';
import { startWorld, type World } from '../support/world.ts';

/** What people are told besides on the forge: each failure once. */
let hooks: NotificationServer;
let topics: NotificationServer;
let world: World;
/** When the orchestrator was started last. */
let began: number;

const secret = 'hush hush';

beforeAll(async () => {
  hooks = await startNotificationServer();
  topics = await startNotificationServer();
  world = await startWorld({
    agents: {
      fails: 'exit 3',
      blocked: 'forge signal-done blocked "which half, and what is the password?"',
      works: `${publishes}${succeeds}`,
    },
    environment: {
      ORCHESTRATOR_NOTIFY_WEBHOOK_URL: `${hooks.url}/s3cret-hook`,
      ORCHESTRATOR_NOTIFY_WEBHOOK_SECRET: secret,
      ORCHESTRATOR_NOTIFY_NTFY_URL: `${topics.url}/s3cret-topic`,
      ORCHESTRATOR_NOTIFY_NTFY_TOKEN: 'tk_s3cret',
      ORCHESTRATOR_NOTIFY_NTFY_EVENTS: 'failed,pull-request',
      // No disk has as much.
      ORCHESTRATOR_NOTIFY_DISK_BELOW: '999999TiB',
      RECONCILE_INTERVAL: '5s',
    },
    persistent: true,
  });
  began = Date.now();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await Promise.all([hooks, topics].map((server) => server?.[Symbol.asyncDispose]()));
});
beforeEach(() => {
  hooks.answer = { status: 200 };
  topics.answer = { status: 200 };
});

interface Payload {
  readonly type: string;
  readonly data: { title: string; text: string; url: string; issue: { number: number } };
}

/** What the webhook was told of an issue. */
function posted(number: number, name: string): Payload[] {
  return hooks.posts
    .map(({ body }) => JSON.parse(body) as Payload)
    .filter(({ data }) => data.title.startsWith(`${name}#${number}: `));
}

function ofEvent(event: string): Payload[] {
  return hooks.posts
    .map(({ body }) => JSON.parse(body) as Payload)
    .filter(({ type }) => type === event);
}

async function anIssue(agent: string) {
  const place = await world.repository();
  const issue = await openIssue(world, place, agent);
  const name = `${place.repository.owner}/${place.repository.name}`;
  return { issue, name, told: () => posted(issue.number, name) };
}

describe('a run that fails', () => {
  test('is told once on each way, with a link to the issue, and signed', async () => {
    const { issue, name, told } = await anIssue('fails');
    await issue.reaches('frozen', 1);
    await until('the topic to be told', () =>
      topics.posts.some(
        ({ headers }) => headers['title'] === `${name}#${issue.number}: run 1 failed`,
      ),
    );
    await until('the hook to be told', () => told().length > 0);
    // People are told on the forge as well.
    await issue.report();
    expect(told()).toEqual([
      {
        type: 'failed',
        timestamp: expect.any(String),
        data: {
          id: expect.stringMatching(/^[0-9a-f]{32}$/),
          title: `${name}#${issue.number}: run 1 failed`,
          text: expect.stringMatching(/exited with code 3[^]*A comment here starts another run/),
          url: (await issue.view())?.url,
          issue: expect.objectContaining({ repository: name, number: issue.number }),
        },
      },
    ]);
    const [post] = hooks.posts.filter(({ body }) => body.includes(`${name}#${issue.number}`));
    const signed = [post?.headers['webhook-id'], post?.headers['webhook-timestamp'], post?.body];
    const digest = createHmac('sha256', secret).update(signed.join('.')).digest('base64');
    expect(post?.headers['webhook-signature']).toBe(`v1,${digest}`);
    // Another run that fails is another failure.
    await issue.alice.comment(issue.number, 'once more, please');
    await issue.reaches('frozen', 2);
    await until('the second', () => told().length === 2);
    expect(told().map(({ data }) => data.title)).toEqual([
      `${name}#${issue.number}: run 1 failed`,
      `${name}#${issue.number}: run 2 failed`,
    ]);
  });

  test('holds nothing up while a notifier is down, and is told once when it is back, also across a kill', async () => {
    hooks.answer = { status: 503 };
    const { issue, told } = await anIssue('fails');
    await issue.reaches('frozen', 1);
    await issue.report();
    await until('tries', () => told().length >= 2);
    await world.orchestrator.kill();
    await world.orchestrator.start();
    began = Date.now();
    const before = told().length;
    hooks.answer = { status: 200 };
    await until('another try', () => told().length > before);
    expect(new Set(told().map(({ data }) => JSON.stringify(data))).size).toBe(1);
    await issue.command('destroy');
    await issue.workflow.result();
    const sent = told().length;
    await world.orchestrator.kill();
    await world.orchestrator.start();
    began = Date.now();
    expect(told()).toHaveLength(sent);
  });
});

test('an agent that is blocked needs somebody: told where that is asked for, without its words', async () => {
  const { issue, told, name } = await anIssue('blocked');
  await issue.reaches('frozen', 1);
  await until('the hook to be told', () => told().length > 0);
  expect(told()).toMatchObject([
    {
      type: 'needs-you',
      data: {
        title: `${name}#${issue.number}: needs you`,
        text: expect.stringContaining('the agent is blocked and needs a person.'),
      },
    },
  ]);
  expect(JSON.stringify(told())).not.toContain('password');
  expect(topics.posts.map(({ headers }) => headers['title'])).not.toContain(
    `${name}#${issue.number}: needs you`,
  );
});

test('a pull request to review is told where that is asked for', async () => {
  const { issue, told, name } = await anIssue('works');
  const pullRequest = await issue.worked(1);
  const post = await until('the topic to be told', () =>
    topics.posts.find(({ headers }) => String(headers['title']).startsWith(`${name}#`)),
  );
  expect(post.headers).toMatchObject({
    title: `${name}#${issue.number}: pull request #${pullRequest} is there for review`,
    click: expect.stringMatching(new RegExp(`/${name}/(issues|pulls)/${pullRequest}$`)),
    authorization: 'Bearer tk_s3cret',
  });
  expect(told()).toEqual([]);
});

test('a disk is told once, however often it is looked at', async () => {
  const hostId = (await readFile(join(world.dataDirectory, 'host-id'), 'utf8')).trim();
  for (const look of [1, 2]) {
    // As the Schedule does every 5 min.
    await world.temporal.client.workflow.execute('leftoversWorkflow', {
      taskQueue: orchestratorTaskQueue,
      workflowId: `look-${look}`,
      args: [hostId],
    });
  }
  const disks = () => ofEvent('disk');
  await until('the hook to be told', () => disks().length > 0);
  expect(disks()).toHaveLength(1);
  expect(disks()[0]?.data.text).toContain(`are free at ${world.dataDirectory}`);
});

test(
  'a repository whose webhook was deleted is told, with what helps',
  { timeout: 240_000 },
  async () => {
    const place = await world.repository();
    const { owner, name } = place.repository;
    const hooksOf = `/repos/${owner}/${name}/hooks`;
    const [hook] = (await callGitea(world.gitea.alice, 'GET', hooksOf)) as { id: number }[];
    await callGitea(world.gitea.alice, 'DELETE', `${hooksOf}/${hook?.id}`);
    // Before that the forge's clock could be to blame.
    await delay(Math.max(0, began + 62_000 - Date.now()));
    const issue = await openIssue(world, place, 'works');
    // It is found all the same.
    await issue.worked(1);
    const told = await until(
      'the hook to be told',
      () =>
        ofEvent('webhook-failing').find(({ data }) => data.title.startsWith(`${owner}/${name}`)),
      120_000,
    );
    expect(told.data.text).toMatch(
      new RegExp(`No webhook told of[^]*orchestrator webhook test ${owner}/${name}`),
    );
  },
);

test('webhooks that are refused are told', async () => {
  for (let i = 0; i < 4; i++) {
    const answer = await fetch(`${world.orchestrator.url}/webhooks/gitea`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-gitea-event': 'issues' },
      body: '{}',
    });
    expect(answer.status).toBe(401);
  }
  const refused = () =>
    ofEvent('webhook-failing').filter(({ data }) => data.title.startsWith('Webhooks are refused'));
  await until('the hook to be told', () => refused().length > 0);
  expect(refused()).toHaveLength(1);
});

test('no secret is in the log, nor in what Temporal keeps', async () => {
  expect(await readFile(world.orchestrator.logFile, 'utf8')).not.toMatch(/s3cret|hush/);
  let looked = 0;
  for await (const { workflowId } of world.temporal.client.workflow.list({
    query: `WorkflowType = 'notificationWorkflow'`,
  })) {
    const history = await world.temporal.client.workflow.getHandle(workflowId).fetchHistory();
    const readable = JSON.stringify(history, (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString() : value,
    );
    expect(readable).toContain('sendNotification');
    expect(readable).not.toMatch(/s3cret|hush/);
    looked++;
  }
  expect(looked).toBeGreaterThan(0);
});
