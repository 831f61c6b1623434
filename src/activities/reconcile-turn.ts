import { Context } from '@temporalio/activity';
import {
  ForgeDeniedError,
  ForgeError,
  ForgeNotFoundError,
  ForgeUnavailableError,
} from '../domain/errors.ts';
import type { RepositoryRef } from '../domain/issue.ts';
import type { ForgeItem } from '../forges/forge.ts';
import type { FoundOnForge } from '../notifications/webhook-watch.ts';
import type { ReconcileTurn } from '../store/store.ts';
import { createChangedIssues, itemsOf, type OwnedRepositories } from './changed-issues.ts';
import { type ChangedIssue, createComparison, type FoundEvent } from './comparison.ts';
import { foundDelivery } from './found-delivery.ts';
import type { ReconcilePorts } from './reconcile.ts';

/** A change that is committed after a newer one would be missed without it. */
const overlapMs = 60_000;
/** For repositories where nothing is open: nothing there tells the time by the forge's clock. */
const clocksDifferMs = 86_400_000;
/** One issue that the forge cannot answer for holds back no other. As many in a row may be a forge that is down. */
const failuresToDoubt = 3;

/**
 * Compares the forge with what was seen, and puts what nobody told of into the inbox: from there it goes the way of every
 * delivery. A turn asks which issues and pull requests have changed since the turn before, however long ago that was, and
 * looks at those that concern us.
 *
 * Killed at any moment, and with a forge that goes away, nothing is lost: the cursors of an owner's repositories move when
 * all that was found there is in the inbox, and what is found twice is one delivery.
 */
export async function takeTurn(
  ports: ReconcilePorts,
): Promise<Pick<ReconcileTurn, 'lookedAt' | 'found' | 'problem'>> {
  const { forge, store, onFound, log } = ports;
  const compare = createComparison(ports);
  const changedIssues = createChangedIssues(forge, store, bear);
  const failures: ForgeError[] = [];
  let unansweredInARow = 0;
  let isDown = false;
  const found: Record<string, number> = {};
  let lookedAt = 0;

  try {
    const cursors = await store.reconcile.cursors();
    for (const [owner, repositories] of await repositoriesByOwner()) {
      await bear(() => reconcileOwner(owner, repositories, cursors));
    }
  } catch (error) {
    if (!(error instanceof ForgeError)) {
      throw error;
    }
    failures.push(error);
  }
  const [first] = failures;
  return { lookedAt, found, problem: first && `${first.name}: ${first.message}` };

  async function reconcileOwner(
    owner: string,
    repositories: OwnedRepositories,
    cursors: ReadonlyMap<number, number>,
  ): Promise<void> {
    const failuresBefore = failures.length;
    const items = await changedIssues.list(owner, repositories, cursors);
    const listedAt = Date.now();
    for (const changed of await changedIssues.among(items, repositories, listedAt)) {
      Context.current().cancellationSignal.throwIfAborted();
      await bear(async () => {
        const looked = itemsOf(changed);
        lookedAt += looked.length;
        for (const one of await compare(changed, cursors.get(changed.repository.id))) {
          const delivery = foundDelivery(changed.issue, one);
          if (!(await store.deliveries.add(delivery)).known) {
            found[delivery.event] = (found[delivery.event] ?? 0) + 1;
            onFound(foundOnForge(changed, one, delivery.event));
          }
        }
        for (const item of looked) {
          await changedIssues.recordLook(item, listedAt);
        }
      });
    }
    if (failures.length === failuresBefore) {
      await moveCursors(items, repositories, cursors, listedAt);
    }
  }

  async function moveCursors(
    items: readonly ForgeItem[],
    repositories: OwnedRepositories,
    cursors: ReadonlyMap<number, number>,
    listedAt: number,
  ): Promise<void> {
    const ids = [...repositories.keys()];
    if (items.length > 0) {
      const newest = Math.max(...items.map(({ changedAt }) => changedAt));
      // A time in the future would hide what comes until then.
      await store.reconcile.moveCursors(ids, Math.min(newest, listedAt) - overlapMs);
    } else {
      const fresh = ids.filter((id) => !cursors.has(id));
      await store.reconcile.moveCursors(fresh, listedAt - clocksDifferMs);
    }
  }

  /**
   * Those that we know and those that we may write to, under the host that we know them by: the forge's API may be
   * reached under another one than its webhooks name.
   */
  async function repositoriesByOwner(): Promise<ReadonlyMap<string, OwnedRepositories>> {
    const repositories = new Map(
      (await store.repositories.all()).map(({ current }) => [current.id, current]),
    );
    for (const writable of await forge.listWritableRepositories()) {
      const known = repositories.get(writable.id);
      const repository = { ...writable, forgeHost: known?.forgeHost ?? writable.forgeHost };
      repositories.set(writable.id, repository);
      if (known !== undefined) {
        // It may have been renamed.
        await store.repositories.see(repository);
      }
    }
    const byOwner = new Map<string, Map<number, RepositoryRef>>();
    for (const repository of repositories.values()) {
      const ofOwner = byOwner.get(repository.owner) ?? new Map<number, RepositoryRef>();
      byOwner.set(repository.owner, ofOwner.set(repository.id, repository));
    }
    return byOwner;
  }

  /**
   * Leaves out what was deleted or is hidden from us now, and remembers what the forge did not answer or refused: the
   * cursor waits for it. Ends the turn when the forge is down or does not know us.
   */
  async function bear(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      unansweredInARow = 0;
    } catch (error) {
      if (isDown || !isOfOneItem(error)) {
        throw error;
      }
      if (error instanceof ForgeNotFoundError) {
        log.debug({ reason: error.message }, 'reconcile leaves out what is gone');
        return;
      }
      failures.push(error);
      if (error instanceof ForgeUnavailableError && ++unansweredInARow >= failuresToDoubt) {
        await mustAnswer();
      }
    }
  }

  /** The same few items may fail in every turn, next to each other. */
  async function mustAnswer(): Promise<void> {
    isDown = true;
    await forge.whoAmI();
    isDown = false;
    unansweredInARow = 0;
  }
}

/** A token that is not accepted is so everywhere. */
function isOfOneItem(error: unknown): error is ForgeError {
  return (
    error instanceof ForgeError && !(error instanceof ForgeDeniedError && error.status === 401)
  );
}

function foundOnForge(
  { item, issue, repository }: ChangedIssue,
  { event }: FoundEvent,
  name: string,
): FoundOnForge {
  // An issue becomes a target by a label long after it was opened.
  const isTarget = event.type === 'issue' && event.action === 'opened';
  const { number, url, at } = event;
  return {
    repository,
    issue: issue.number,
    event: name,
    number,
    url,
    at: isTarget ? (item?.changedAt ?? at) : at,
  };
}
