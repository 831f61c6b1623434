import type { RepositoryRef } from '../domain/issue.ts';
import {
  webhookMissingNotification,
  webhookRefusedNotification,
} from '../domain/notification-texts.ts';
import type { DeliveryStore, NotificationStore } from '../store/store.ts';
import type { Notifications } from './notifications.ts';

/** What happened on the forge, and was found by asking. */
export interface FoundOnForge {
  readonly repository: RepositoryRef;
  /** Of the repository: the issue whose queue it went into. */
  readonly issue: number;
  /** As its delivery calls it: `comment created`, say. */
  readonly event: string;
  /** Of the issue or pull request. */
  readonly number: number;
  readonly url: string;
  /** Epoch milliseconds by the forge's clock. */
  readonly at: number;
}

export interface WebhookWatchParts {
  readonly deliveries: Pick<DeliveryStore, 'list'>;
  readonly store: Pick<NotificationStore, 'lasting'>;
  readonly notifications: Pick<Notifications, 'raise' | 'over'>;
  /** Between two reviews, about. */
  readonly everyMs: number;
  /** Default: the system's. */
  readonly now?: () => number;
}

/** A forge's queue is late; a webhook that comes within this after it was missed has arrived. */
const lateMs = 60_000;
/** By so much the forge's clock may differ from ours. */
const clocksDifferMs = 60_000;
/** One may be a stranger's; as many in a row are a webhook's. */
const refusedInARow = 3;
/** Beyond that many, one more says nothing new. */
const mostMissed = 100;

const signatureSubject = 'webhook-signature';
const missingPrefix = 'webhook-missing/';

/**
 * Notices webhooks that fail: what a reconcile finds and no webhook told of while somebody was there to listen, and
 * signatures that do not fit, several in a row. A failure is told once, until it works again.
 */
export class WebhookWatch {
  readonly #parts: WebhookWatchParts;
  readonly #now: () => number;
  /** Nobody was there to listen before: the program did not run, or the machine slept. */
  #listeningSince: number;
  #reviewedAt: number;
  #missed: (FoundOnForge & { readonly foundAt: number })[] = [];
  #refused = 0;
  /** Nothing is known to be wrong with signatures. */
  #fits = false;

  constructor(parts: WebhookWatchParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
    this.#listeningSince = this.#now();
    this.#reviewedAt = this.#now();
  }

  found(event: FoundOnForge): void {
    if (this.#missed.length < mostMissed) {
      this.#missed.push({ ...event, foundAt: this.#now() });
    }
  }

  /** After each turn of a reconcile. */
  async review(): Promise<void> {
    const now = this.#now();
    if (now - this.#reviewedAt > 2 * this.#parts.everyMs + lateMs) {
      this.#listeningSince = now;
    }
    this.#reviewedAt = now;
    const heard = this.#missed.filter(({ at }) => at > this.#listeningSince + clocksDifferMs);
    this.#missed = heard.filter(({ foundAt }) => now - foundAt < lateMs);
    const failing = new Set(this.#missed.map(subjectOf));
    for (const missed of heard.filter(({ foundAt }) => now - foundAt >= lateMs)) {
      if (!(await this.#cameLate(missed))) {
        failing.add(subjectOf(missed));
        await this.#tell(missed);
      }
    }
    await this.#findMended(failing);
  }

  /** For each webhook whose signature was checked. */
  async signature(fits: boolean): Promise<void> {
    const { notifications } = this.#parts;
    if (!fits) {
      this.#fits = false;
      this.#refused++;
      if (this.#refused === refusedInARow) {
        const notification = webhookRefusedNotification(refusedInARow);
        await notifications.raise({ ...notification, subject: signatureSubject });
      }
    } else if (!this.#fits) {
      this.#fits = true;
      this.#refused = 0;
      await notifications.over(signatureSubject);
    }
  }

  /** Its own webhook, or another of the same kind for the same issue. */
  async #cameLate({ repository, issue, event, at }: FoundOnForge): Promise<boolean> {
    const since = at - clocksDifferMs;
    const deliveries = await this.#parts.deliveries.list({ repository, issue, since, limit: 100 });
    return deliveries.some(
      (delivery) => delivery.source === 'webhook' && kindOf(delivery.event) === kindOf(event),
    );
  }

  async #tell(missed: FoundOnForge): Promise<void> {
    const { owner, name } = missed.repository;
    await this.#parts.notifications.raise({
      ...webhookMissingNotification(`${owner}/${name}`, missed, missed.url),
      subject: subjectOf(missed),
    });
  }

  /** A webhook of the repository has come since, and nothing is missed. */
  async #findMended(failing: ReadonlySet<string>): Promise<void> {
    const { store, deliveries, notifications } = this.#parts;
    for (const { subject, raisedAt } of await store.lasting(missingPrefix)) {
      const id = Number(subject.slice(missingPrefix.length));
      const came = await deliveries.list({ repository: { id }, since: raisedAt, limit: 100 });
      if (!failing.has(subject) && came.some(({ source }) => source === 'webhook')) {
        await notifications.over(subject);
      }
    }
  }
}

function subjectOf({ repository }: FoundOnForge): string {
  return `${missingPrefix}${repository.id}`;
}

/** `comment` of `comment created`. */
function kindOf(event: string): string {
  return event.split(' ')[0] ?? '';
}
