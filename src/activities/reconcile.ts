import { Context } from '@temporalio/activity';
import type { Logger } from 'pino';
import { ForgeError, ForgeNotFoundError } from '../domain/errors.ts';
import { issueOfBranch } from '../domain/ids.ts';
import type { RepositoryRef } from '../domain/issue.ts';
import { agentLabelPrefix } from '../domain/targeting.ts';
import type { Forge, ForgeItem } from '../forges/forge.ts';
import type { NewDelivery, ReconciledItem, Store } from '../store/store.ts';
import { type ChangedIssue, type Comparison, createComparison } from './comparison.ts';
import { foundDelivery } from './found-delivery.ts';
import { heartbeating } from './heartbeat.ts';

export interface ReconcileActivities {
  /** Takes one turn. Idempotent. */
  reconcile(): Promise<{ requests: number; lookedAt: number; found: number }>;
}

export interface ReconcilePorts {
  /** Of reconcile alone: its requests are counted. */
  readonly forge: Forge;
  readonly store: Store;
  /** The org whose members are assigned to what is a target. */
  readonly org: string;
  /** Called when something was put into the inbox. */
  readonly onFound: () => void;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
}

/** A change that is committed after a newer one would be missed without it. */
const overlapMs = 60_000;
/** For repositories where nothing is open: nothing there tells the time by the forge's clock. */
const clocksDifferMs = 86_400_000;

/** What a turn has done so far. */
interface Progress {
  lookedAt: number;
  readonly found: Record<string, number>;
}

/**
 * Compares the forge with what was seen, and puts what nobody told of into the inbox: from there it goes the way of every
 * delivery. A turn asks which issues and pull requests have changed since the turn before, however long ago that was, and
 * looks at those that concern us.
 *
 * Killed at any moment, and with a forge that goes away, nothing is lost: the cursors of an owner's repositories move when
 * all that was found there is in the inbox, and what is found twice is one delivery.
 */
export function createReconcileActivities(ports: ReconcilePorts): ReconcileActivities {
  const { forge, store, onFound, log } = ports;

  return heartbeating<ReconcileActivities>({
    async reconcile() {
      const beganAt = Date.now();
      const requestsBefore = forge.requests;
      const progress: Progress = { lookedAt: 0, found: {} };
      const problem = await problemOf(takeTurn(progress));
      const { lookedAt, found } = progress;
      const requests = forge.requests - requestsBefore;
      await store.reconcile.recordTurn({
        beganAt,
        endedAt: Date.now(),
        requests,
        lookedAt,
        found,
        problem,
      });
      const count = Object.values(found).reduce((sum, one) => sum + one, 0);
      if (problem !== undefined) {
        log.warn({ requests, lookedAt, found, problem }, 'reconcile ended early');
      } else {
        log[count > 0 ? 'info' : 'debug']({ requests, lookedAt, found }, 'reconciled');
      }
      return { requests, lookedAt, found: count };
    },
  });

  async function takeTurn(progress: Progress): Promise<void> {
    const compare = createComparison(ports);
    const cursors = await store.reconcile.cursors();
    for (const [owner, repositories] of await repositoriesByOwner()) {
      await unlessGone(() => reconcileOwner(owner, repositories, cursors, compare, progress));
    }
  }

  async function reconcileOwner(
    owner: string,
    repositories: ReadonlyMap<number, RepositoryRef>,
    cursors: ReadonlyMap<number, number>,
    compare: Comparison,
    progress: Progress,
  ): Promise<void> {
    const items = await listItems(owner, repositories, cursors);
    const listedAt = Date.now();
    for (const changed of await issuesOf(items, repositories, listedAt)) {
      Context.current().cancellationSignal.throwIfAborted();
      const looked = itemsOf(changed);
      progress.lookedAt += looked.length;
      await unlessGone(async () => {
        for (const found of await compare(changed, cursors.get(changed.repository.id))) {
          await add(foundDelivery(changed.issue, found), progress);
        }
      });
      for (const item of looked) {
        await store.reconcile.recordLook(reconciled(item), listedAt);
      }
    }
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

  async function add(delivery: NewDelivery, progress: Progress): Promise<void> {
    if (!(await store.deliveries.add(delivery)).known) {
      progress.found[delivery.event] = (progress.found[delivery.event] ?? 0) + 1;
      onFound();
    }
  }

  /**
   * Those that we know and those that we may write to, by id, under the host that we know them by: the forge's API may
   * be reached under another one than its webhooks name.
   */
  async function repositoriesByOwner(): Promise<Map<string, Map<number, RepositoryRef>>> {
    const repositories = new Map(
      (await store.repositories.all()).map(({ current }) => [current.id, current]),
    );
    for (const found of await forge.listWritableRepositories()) {
      const known = repositories.get(found.id);
      const repository = { ...found, forgeHost: known?.forgeHost ?? found.forgeHost };
      repositories.set(found.id, repository);
      if (known !== undefined) {
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

  /** What has changed since the last turn; of repositories that no turn has seen, also all that is open. */
  async function listItems(
    owner: string,
    repositories: ReadonlyMap<number, RepositoryRef>,
    cursors: ReadonlyMap<number, number>,
  ): Promise<readonly ForgeItem[]> {
    const items = new Map<string, ForgeItem>();
    const since: number[] = [];
    for (const repository of repositories.values()) {
      const cursor = cursors.get(repository.id) ?? (await earliestLife(repository));
      if (cursor !== undefined) {
        since.push(cursor);
      }
      if (!cursors.has(repository.id)) {
        await unlessGone(async () => keep(await forge.listOpenItems(repository)));
      }
    }
    if (since.length > 0) {
      keep(await forge.listChangedItems(owner, Math.min(...since)));
    }
    return [...items.values()].filter((item) => repositories.has(item.repository.id));

    function keep(found: readonly ForgeItem[]): void {
      for (const item of found) {
        items.set(`${item.repository.id}/${item.number}`, item);
      }
    }
  }

  /** When the oldest life that is open in a repository began. */
  async function earliestLife({ id }: RepositoryRef): Promise<number | undefined> {
    const lives = (await store.issues.all()).filter(
      ({ issue, phase }) => issue.repository.id === id && phase !== 'destroyed',
    );
    return lives.length === 0 ? undefined : Math.min(...lives.map(({ beganAt }) => beganAt));
  }

  /** The issues that concern us among the items, each with its pull requests; without what was looked at for good. */
  async function issuesOf(
    items: readonly ForgeItem[],
    repositories: ReadonlyMap<number, RepositoryRef>,
    listedAt: number,
  ): Promise<readonly ChangedIssue[]> {
    const issues = new Map<string, ChangedIssue>();
    for (const item of items) {
      const repository = repositories.get(item.repository.id);
      if (repository === undefined || (await store.reconcile.isSettled(reconciled(item)))) {
        continue;
      }
      if (!item.isPullRequest) {
        const changed = await changedIssue(issues, repository, item.number, isLabelled(item));
        if (changed !== undefined) {
          changed.item = item;
        }
        continue;
      }
      await unlessGone(async () => {
        const pull = await forge.readPullRequest(repository, item.number);
        const number =
          pull.headRepositoryId === repository.id ? issueOfBranch(pull.headBranch) : undefined;
        const changed =
          number === undefined ? undefined : await changedIssue(issues, repository, number, false);
        if (changed === undefined) {
          await store.reconcile.recordLook(reconciled(item), listedAt);
        }
        changed?.pullRequests.push({ item, pull });
      });
    }
    return [...issues.values()];
  }

  /** Undefined for an issue that had no life, unless it asks for one. */
  async function changedIssue(
    issues: Map<string, ChangedIssue>,
    repository: RepositoryRef,
    number: number,
    asks: boolean,
  ): Promise<ChangedIssue | undefined> {
    const name = `${repository.id}/${number}`;
    const { forgeHost, id } = repository;
    const known = asks
      ? await store.repositories.see(repository)
      : await store.repositories.byId(forgeHost, id);
    const issue = known && { repository: known.firstSeen, number };
    const record = issue && (await store.issues.read(issue));
    if (issue === undefined || (record === undefined && !asks)) {
      return undefined;
    }
    const changed = issues.get(name) ?? { issue, repository, record, pullRequests: [] };
    issues.set(name, changed);
    return changed;
  }

  /** What was deleted, or is hidden from us now, is no reason to stop. */
  async function unlessGone(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ForgeNotFoundError)) {
        throw error;
      }
      log.debug({ reason: error.message }, 'reconcile leaves out what is gone');
    }
  }
}

/** What the forge said when it could not go on. The next turn begins where this one ended. */
async function problemOf(turn: Promise<void>): Promise<string | undefined> {
  try {
    await turn;
    return undefined;
  } catch (error) {
    if (error instanceof ForgeError) {
      return `${error.name}: ${error.message}`;
    }
    throw error;
  }
}

function isLabelled({ labels }: ForgeItem): boolean {
  return labels.some((label) => label.startsWith(agentLabelPrefix));
}

function itemsOf({ item, pullRequests }: ChangedIssue): readonly ForgeItem[] {
  return [...(item === undefined ? [] : [item]), ...pullRequests.map((one) => one.item)];
}

function reconciled({ repository, number, changedAt }: ForgeItem): ReconciledItem {
  return { repositoryId: repository.id, number, changedAt };
}
