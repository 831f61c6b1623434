import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSendActivities } from '../../src/activities/send-notification.ts';
import type { Notification, NotificationEvent } from '../../src/domain/notification.ts';
import { createNotifications, type Notifications } from '../../src/notifications/notifications.ts';
import type { Notifier } from '../../src/notifications/notifier.ts';
import { createNotifiers } from '../../src/notifications/registry.ts';
import type { Store } from '../../src/store/store.ts';
import { createSendingStarter } from '../../src/temporal/notification-client.ts';
import type { Workers } from '../../src/temporal/workers.ts';
import { freshStore } from '../store/fresh-store.ts';
import {
  type NotificationServer,
  startNotificationServer,
} from '../support/notification-server.ts';
import { ScriptedHost } from '../support/scripted-host.ts';
import { createScriptedWorkers } from '../support/scripted-workers.ts';
import { startTestTemporal, type TestTemporal } from '../support/temporal.ts';
import { until } from '../support/until.ts';

let temporal: TestTemporal;
let hooks: NotificationServer;
let topics: NotificationServer;
let store: Store;
/** What Temporal was given. */
let given: Notification[];
let workers: Workers | undefined;
let working: Promise<void> | undefined;

beforeAll(async () => {
  temporal = await startTestTemporal();
});
afterAll(() => temporal?.[Symbol.asyncDispose]());
beforeEach(async () => {
  hooks = await startNotificationServer();
  topics = await startNotificationServer();
});
afterEach(async () => {
  workers?.shutdown();
  await working;
  await Promise.all([hooks, topics].map((server) => server[Symbol.asyncDispose]()));
});

const events: readonly NotificationEvent[] = ['failed'];

/** The notifications of an orchestrator whose workers run. */
async function work(
  changed: (notifier: Notifier) => Notifier = (notifier) => notifier,
): Promise<Notifications> {
  store = await freshStore();
  given = [];
  const notifiers = createNotifiers({
    webhook: { url: `${hooks.url}/hook`, secret: undefined, events },
    ntfy: { url: `${topics.url}/topic`, token: undefined, events },
  }).map(changed);
  workers = await createScriptedWorkers(temporal, new ScriptedHost(), {
    sending: createSendActivities(store.notifications, notifiers),
  });
  working = workers.run();
  const start = createSendingStarter(temporal.client);
  return createNotifications({
    store: store.notifications,
    notifiers,
    async start(notification, ways) {
      given.push(notification);
      await start(notification, ways);
    },
    log: { info() {}, warn: console.warn },
  });
}

const failure = {
  event: 'failed',
  title: 'acme/widgets#7: run 1 failed',
  text: 'The agent was silent.',
  url: 'https://gitea.example/acme/widgets/issues/7',
  issue: undefined,
} as const;

/** Raises a subject of its own and gives its workflow. */
async function raised(notifications: Notifications) {
  await notifications.raise({ ...failure, subject: 'run/slug/1' });
  await notifications.handOver();
  const [notification] = given;
  if (notification === undefined) throw new Error('nothing was handed over');
  const { id, event } = notification;
  return {
    notification,
    workflow: temporal.client.workflow.getHandle(`notification/${event}/${id}`),
  };
}

describe('a notification', () => {
  test('is sent on each of its ways once, however often it is raised', async () => {
    const notifications = await work();
    const { workflow, notification } = await raised(notifications);
    await workflow.result();
    await notifications.raise({ ...failure, subject: 'run/slug/1' });
    await notifications.handOver();
    expect(hooks.posts.map(({ headers }) => headers['webhook-id'])).toEqual([notification.id]);
    expect(topics.posts.map(({ headers }) => headers['x-sequence-id'])).toEqual([notification.id]);
  });

  test('is not sent again when it was handed to Temporal and that was not recorded', async () => {
    const notifications = await work();
    const { workflow, notification } = await raised(notifications);
    await workflow.result();
    await createSendingStarter(temporal.client)(notification, ['webhook', 'ntfy']);
    expect(hooks.posts).toHaveLength(1);
  });

  test('reaches one way while another is down, and that one when it is back', async () => {
    topics.answer = { status: 503 };
    const { workflow } = await raised(await work());
    await until('two tries', () => topics.posts.length === 2);
    expect(hooks.posts).toHaveLength(1);
    topics.answer = { status: 200 };
    await workflow.result();
    expect(hooks.posts).toHaveLength(1);
    const ids = topics.posts.map(({ headers }) => headers['x-sequence-id']);
    expect(new Set(ids).size).toBe(1);
  });

  test('that a server refuses for good is shown by Temporal, and tried once', async () => {
    hooks.answer = { status: 404 };
    const { workflow } = await raised(await work());
    await expect(workflow.result()).rejects.toMatchObject({
      cause: { message: 'webhook: the server answers 404: check the address' },
    });
    expect(hooks.posts).toHaveLength(1);
    expect(topics.posts).toHaveLength(1);
  });

  test('that was sent by a worker that died is not sent again', async () => {
    let tries = 0;
    const notifications = await work((notifier) => ({
      ...notifier,
      async send(message) {
        await notifier.send(message);
        if (notifier.name === 'webhook' && ++tries === 1) {
          // As if another worker had recorded it, whose answer Temporal never got.
          await store.notifications.markSent(message.id, 'webhook', 1);
          throw new Error('died');
        }
      },
    }));
    const { workflow } = await raised(notifications);
    await workflow.result();
    expect(hooks.posts).toHaveLength(1);
  });
});
