/** What a notification can be about, in the order of the reference. */
export const notificationEvents = [
  'needs-you',
  'failed',
  'pull-request',
  'webhook-failing',
  'disk',
] as const;

export type NotificationEvent = (typeof notificationEvents)[number];

/** The ways that notifications can go. */
export type NotifierName = 'webhook' | 'ntfy';

/** What a person is told. Nothing in it is of an agent's or of a comment's making. */
export interface NotificationContent {
  readonly event: NotificationEvent;
  /** One line. */
  readonly title: string;
  /** What happened and what to do, as plain text. */
  readonly text: string;
  /** A page of the forge. */
  readonly url: string | undefined;
  readonly issue: NotifiedIssue | undefined;
}

export interface NotifiedIssue {
  /** `owner/name`, as it is called now. */
  readonly repository: string;
  readonly number: number;
  readonly title: string;
  readonly pullRequest: number | undefined;
}

export interface Notification extends NotificationContent {
  /** 32 hex digits, the same at each attempt: who gets it twice knows it by this. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly raisedAt: number;
}

/** Where notifications go; undefined: not there. */
export interface NotifierSettings {
  readonly webhook: WebhookNotifierSettings | undefined;
  readonly ntfy: NtfySettings | undefined;
}

export interface WebhookNotifierSettings {
  /** May hold a secret: for no log. */
  readonly url: string;
  /** What posts are signed with; undefined: they are not. */
  readonly secret: string | undefined;
  readonly events: readonly NotificationEvent[];
}

export interface NtfySettings {
  /** Of a topic; may be all that it takes to read it: for no log. */
  readonly url: string;
  /** Undefined: the topic asks for none. */
  readonly token: string | undefined;
  readonly events: readonly NotificationEvent[];
}
