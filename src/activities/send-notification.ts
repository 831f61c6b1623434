import { ApplicationFailure, log } from '@temporalio/activity';
import { NotifierRefusedError, NotifierUnavailableError } from '../domain/errors.ts';
import type { NotifierName } from '../domain/notification.ts';
import type { Notifier } from '../notifications/notifier.ts';
import type { NotificationStore } from '../store/store.ts';
import { heartbeating } from './heartbeat.ts';

export interface SendActivities {
  /**
   * Sends a notification on one way, unless it is known to have gone it. Killed after it was sent and before that was
   * recorded, the next try sends it again with the same id.
   */
  sendNotification(input: { readonly id: string; readonly notifier: NotifierName }): Promise<void>;
}

export function createSendActivities(
  store: NotificationStore,
  notifiers: readonly Notifier[],
): SendActivities {
  return heartbeating<SendActivities>({
    async sendNotification({ id, notifier: name }) {
      const notification = await store.read(id);
      const notifier = notifiers.find((one) => one.name === name);
      if (notification === undefined || notifier === undefined) {
        log.warn('a notification is not sent: it or its notifier is gone', { id, notifier: name });
        return;
      }
      if (await store.isSent(id, name)) {
        return;
      }
      await notifier.send(notification).catch((error: unknown) => {
        tell(name, notification.title, error);
        throw paced(error);
      });
      await store.markSent(id, name, Date.now());
    },
  });
}

function tell(notifier: NotifierName, title: string, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  const what =
    error instanceof NotifierRefusedError
      ? 'a notification is not sent'
      : 'a notification is not sent yet';
  log.warn(what, { notifier, title, reason });
}

/** Waits as long as the server asks for. */
function paced(error: unknown): unknown {
  const seconds = error instanceof NotifierUnavailableError ? error.retryAfterSeconds : undefined;
  return seconds === undefined
    ? error
    : ApplicationFailure.create({
        type: NotifierUnavailableError.name,
        message: (error as Error).message,
        nextRetryDelay: Math.min(seconds, 3_600) * 1000,
      });
}
