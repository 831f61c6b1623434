import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ForgeError, mayPass } from '../domain/errors.ts';
import { WebhookFormatError } from '../forges/webhook.ts';
import type { Delivery, DeliveryStore } from '../store/store.ts';
import { deliveryHandler, type DeliveryHandlerParts } from './handle-delivery.ts';
import { SignalRefusedError, SignalsUnavailableError } from './workflow-signals.ts';

export interface InboxOptions extends DeliveryHandlerParts {
  readonly store: DeliveryHandlerParts['store'] & { readonly deliveries: DeliveryStore };
  readonly log: Logger;
  /** Epoch milliseconds. */
  readonly clock?: () => number;
}

/**
 * Brings durable deliveries to their workflows: of each issue one after the other, of up to 8 issues at once.
 * Killed at any moment it loses nothing: a delivery waits until it is marked, and one that is handled again carries the
 * sequence number that its workflow has seen.
 */
export interface Inbox {
  start(): void;
  /** Something may be due. Cheap; call it as often as you like. */
  wake(): void;
  /** Begins nothing more, and resolves when all that was begun is marked. */
  stop(): Promise<void>;
}

const issuesAtOnce = 8;
/** Finds what was postponed, and is the safety net under `wake`. */
const pollMs = 1_000;
const firstRetryMs = 500;
const longestRetryMs = 30_000;
/** For errors nobody foresaw: about a minute and a half. */
const triesOfUnknownErrors = 8;

export function createInbox(options: InboxOptions): Inbox {
  const { log, clock = Date.now } = options;
  const { deliveries } = options.store;
  const handle = deliveryHandler(options);
  const inFlight = new Map<string, Promise<void>>();
  let running: AbortController | undefined;
  let poll: NodeJS.Timeout | undefined;
  let filling: Promise<void> | undefined;
  let wokenWhileFilling = false;

  function wake(): void {
    if (running === undefined) {
      return;
    }
    if (filling !== undefined) {
      wokenWhileFilling = true;
      return;
    }
    filling = fill(running.signal).finally(() => {
      filling = undefined;
      if (wokenWhileFilling) {
        wokenWhileFilling = false;
        wake();
      }
    });
  }

  async function fill(stopped: AbortSignal): Promise<void> {
    const places = issuesAtOnce - inFlight.size;
    if (places === 0) {
      return;
    }
    try {
      const due = await deliveries.nextDue(clock(), new Set(inFlight.keys()), places);
      for (const delivery of stopped.aborted ? [] : due) {
        inFlight.set(
          delivery.orderKey,
          settle(delivery, stopped).finally(() => {
            inFlight.delete(delivery.orderKey);
            wake();
          }),
        );
      }
    } catch (error) {
      log.error({ err: error }, 'the inbox cannot read its deliveries');
    }
  }

  async function settle(delivery: Delivery, stopped: AbortSignal): Promise<void> {
    try {
      await dispatch(delivery);
    } catch (error) {
      log.error(
        { ...named(delivery), err: error },
        'a delivery cannot be marked; it is tried again',
      );
      await delay(firstRetryMs, undefined, { signal: stopped }).catch(() => undefined);
    }
  }

  async function dispatch(delivery: Delivery): Promise<void> {
    const { sequence } = delivery;
    try {
      const handled = await handle(delivery);
      if (handled.state === 'dispatched') {
        await deliveries.markDispatched(sequence);
      } else {
        await deliveries.markIgnored(sequence, handled.reason);
      }
      log.info({ ...named(delivery), ...handled }, 'delivery handled');
    } catch (error) {
      const reason = reasonOf(error);
      if (isPermanent(error, delivery.attempts)) {
        log.error({ ...named(delivery), err: error }, 'delivery set aside');
        await deliveries.setAside(sequence, reason);
      } else {
        const waitMs = Math.min(firstRetryMs * 2 ** delivery.attempts, longestRetryMs);
        log.warn({ ...named(delivery), reason, waitMs }, 'delivery postponed');
        await deliveries.postpone(sequence, reason, clock() + waitMs);
      }
    }
  }

  return {
    start() {
      running ??= new AbortController();
      poll ??= setInterval(wake, pollMs);
      wake();
    },
    wake,
    async stop() {
      running?.abort();
      running = undefined;
      clearInterval(poll);
      poll = undefined;
      await filling;
      await Promise.all(inFlight.values());
    },
  };
}

/** A right that is missing would let any comment block its issue for good, so that one is permanent. */
function isPermanent(error: unknown, attempts: number): boolean {
  if (error instanceof SignalsUnavailableError || mayPass(error)) {
    return false;
  }
  return (
    error instanceof SignalRefusedError ||
    error instanceof WebhookFormatError ||
    error instanceof ForgeError ||
    attempts >= triesOfUnknownErrors
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function named({ sequence, deliveryId, event, orderKey }: Delivery): object {
  return { sequence, deliveryId, event, issue: orderKey };
}
