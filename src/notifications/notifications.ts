import type { Logger } from 'pino';
import type { Notification, NotificationEvent, NotifierName } from '../domain/notification.ts';
import type { NewNotification, NotificationStore } from '../store/store.ts';
import type { Notifier } from './notifier.ts';

/** The way to Temporal, which sends: begins a notification's workflow. Idempotent by the notification's id. */
export type StartSending = (
  notification: Notification,
  notifiers: readonly NotifierName[],
) => Promise<void>;

export interface NotificationParts {
  readonly store: NotificationStore;
  readonly notifiers: readonly Notifier[];
  readonly start: StartSending;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Default: the system's clock. */
  readonly now?: () => number;
}

/** What people are told besides on the forge. */
export interface Notifications {
  /**
   * Tells of a subject once, on the ways that ask for its event: nothing happens when none does. Resolves when it is on
   * disk; nobody waits for Temporal or a notifier.
   */
  raise(notification: Omit<NewNotification, 'raisedAt'>): Promise<void>;
  /** The subject has ended: when it comes back, people are told again. */
  over(subject: string): Promise<void>;
  /** Gives Temporal what it has not been given yet: at the start, and whenever it may have been away. Rejects never. */
  handOver(): Promise<void>;
}

export function createNotifications({
  store,
  notifiers,
  start,
  log,
  now = Date.now,
}: NotificationParts): Notifications {
  /** One at a time. */
  let handingOver: Promise<void> = Promise.resolve();

  const notifications: Notifications = {
    async raise(notification) {
      if (wanting(notification.event).length === 0) {
        return;
      }
      if (await store.add({ ...notification, raisedAt: now() })) {
        log.info({ event: notification.event, subject: notification.subject }, 'people are told');
      }
      void notifications.handOver();
    },

    over: (subject) => store.over(subject, now()),

    handOver() {
      handingOver = handingOver.then(handOverAll).catch((error: unknown) => {
        log.warn({ err: error }, 'a notification waits: Temporal does not take it');
      });
      return handingOver;
    },
  };
  return notifications;

  async function handOverAll(): Promise<void> {
    for (const notification of await store.waiting()) {
      await start(notification, wanting(notification.event));
      await store.markHandedOver(notification.id);
    }
  }

  function wanting(event: NotificationEvent): readonly NotifierName[] {
    return notifiers.filter(({ events }) => events.includes(event)).map(({ name }) => name);
  }
}
