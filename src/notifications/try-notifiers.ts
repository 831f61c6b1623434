import { randomUUID } from 'node:crypto';
import type { NotificationEvent, NotifierName } from '../domain/notification.ts';
import type { Notifier } from './notifier.ts';

/** What became of a test notification on one way. */
export interface NotifierTrial {
  readonly notifier: NotifierName;
  readonly host: string;
  readonly events: readonly NotificationEvent[];
  /** Why it did not arrive; undefined: the server took it. */
  readonly problem: string | undefined;
}

/** Sends a test notification on each way, once. */
export function tryNotifiers(notifiers: readonly Notifier[]): Promise<readonly NotifierTrial[]> {
  return Promise.all(
    notifiers.map(async ({ name: notifier, host, events, ...way }) => {
      const problem = await way
        .send({
          id: randomUUID().replaceAll('-', ''),
          event: 'test',
          title: 'Notifications of the orchestrator arrive here',
          text: `This is a test. What is told here: ${events.join(', ') || 'nothing'}.`,
          url: undefined,
          issue: undefined,
          raisedAt: Date.now(),
        })
        .then(
          () => undefined,
          (error: Error) => error.message,
        );
      return { notifier, host, events, problem };
    }),
  );
}
