import type { Notification, NotificationEvent, NotifierName } from '../domain/notification.ts';

/** What a notifier sends: a notification, or a try. */
export type Message = Omit<Notification, 'event'> & {
  readonly event: NotificationEvent | 'test';
};

/** A way on which notifications go to people. */
export interface Notifier {
  readonly name: NotifierName;
  /** Which events somebody wants to hear of this way. */
  readonly events: readonly NotificationEvent[];
  /** Its host, for people: the rest of an address may be a secret. */
  readonly host: string;
  /**
   * Sends it once, within 10 s. The message's id goes along: a server that knows it can tell a repetition.
   * @throws NotifierUnavailableError when another try may help, NotifierRefusedError when none will
   */
  send(message: Message): Promise<void>;
}
