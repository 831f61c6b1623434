import { issueOfBranch } from '../domain/ids.ts';
import type { RepositoryRef } from '../domain/issue.ts';
import { agentLabelPrefix } from '../domain/targeting.ts';
import type { Forge, ForgeItem } from '../forges/forge.ts';
import type { ReconciledItem, Store } from '../store/store.ts';
import type { ChangedIssue } from './comparison.ts';

/** Repositories of one owner, as they are named now, by id. */
export type OwnedRepositories = ReadonlyMap<number, RepositoryRef>;

/** Finds out which issues that concern us have changed. */
export interface ChangedIssues {
  /** What has changed at an owner's since their cursors; where no turn has been yet, also all that is open. */
  list(
    owner: string,
    repositories: OwnedRepositories,
    cursors: ReadonlyMap<number, number>,
  ): Promise<readonly ForgeItem[]>;
  /** The issues that concern us among listed items, each with its pull requests; without what was looked at for good. */
  among(
    items: readonly ForgeItem[],
    repositories: OwnedRepositories,
    listedAt: number,
  ): Promise<readonly ChangedIssue[]>;
  recordLook(item: ForgeItem, listedAt: number): Promise<void>;
}

/** @param bear does something that may fail for one repository or pull request without holding back the others */
export function createChangedIssues(
  forge: Forge,
  store: Store,
  bear: (work: () => Promise<void>) => Promise<void>,
): ChangedIssues {
  return {
    async list(owner, repositories, cursors) {
      const items = new Map<string, ForgeItem>();
      const keep = (found: readonly ForgeItem[]): void =>
        found.forEach((item) => items.set(`${item.repository.id}/${item.number}`, item));
      const since: number[] = [];
      for (const repository of repositories.values()) {
        const cursor = cursors.get(repository.id);
        const from = cursor ?? (await earliestLife(repository));
        if (from !== undefined) {
          since.push(from);
        }
        if (cursor === undefined) {
          await bear(async () => keep(await forge.listOpenItems(repository)));
        }
      }
      if (since.length > 0) {
        keep(await forge.listChangedItems(owner, Math.min(...since)));
      }
      return [...items.values()].filter((item) => repositories.has(item.repository.id));
    },

    async among(items, repositories, listedAt) {
      const issues = new Map<string, ChangedIssue>();
      for (const item of items) {
        const repository = repositories.get(item.repository.id);
        if (repository === undefined || (await store.reconcile.isSettled(reconciled(item)))) {
          continue;
        }
        if (item.isPullRequest) {
          await bear(() => addPullRequest(issues, repository, item, listedAt));
        } else {
          const changed = await changedIssue(issues, repository, item.number, isLabelled(item));
          if (changed !== undefined) {
            changed.item = item;
          }
        }
      }
      return [...issues.values()];
    },

    recordLook: (item, listedAt) => store.reconcile.recordLook(reconciled(item), listedAt),
  };

  /** When the oldest life that is open in a repository began. */
  async function earliestLife({ id }: RepositoryRef): Promise<number | undefined> {
    const lives = (await store.issues.all()).filter(
      ({ issue, phase }) => issue.repository.id === id && phase !== 'destroyed',
    );
    return lives.length === 0 ? undefined : Math.min(...lives.map(({ beganAt }) => beganAt));
  }

  async function addPullRequest(
    issues: Map<string, ChangedIssue>,
    repository: RepositoryRef,
    item: ForgeItem,
    listedAt: number,
  ): Promise<void> {
    const pull = await forge.readPullRequest(repository, item.number);
    const number =
      pull.headRepositoryId === repository.id ? issueOfBranch(pull.headBranch) : undefined;
    const changed =
      number === undefined ? undefined : await changedIssue(issues, repository, number, false);
    if (changed === undefined) {
      await store.reconcile.recordLook(reconciled(item), listedAt);
    } else {
      changed.pullRequests.push({ item, pull });
    }
  }

  /** Undefined for an issue that had no life, unless it asks for one. */
  async function changedIssue(
    issues: Map<string, ChangedIssue>,
    repository: RepositoryRef,
    number: number,
    asks: boolean,
  ): Promise<ChangedIssue | undefined> {
    const known = asks
      ? await store.repositories.see(repository)
      : await store.repositories.byId(repository.forgeHost, repository.id);
    if (known === undefined) {
      return undefined;
    }
    const issue = { repository: known.firstSeen, number };
    const record = await store.issues.read(issue);
    if (record === undefined && !asks) {
      return undefined;
    }
    const name = `${repository.id}/${number}`;
    const changed = issues.get(name) ?? { issue, repository, record, pullRequests: [] };
    issues.set(name, changed);
    return changed;
  }
}

/** What was looked at when an issue was. */
export function itemsOf({ item, pullRequests }: ChangedIssue): readonly ForgeItem[] {
  return [...(item === undefined ? [] : [item]), ...pullRequests.map((one) => one.item)];
}

function isLabelled({ labels }: ForgeItem): boolean {
  return labels.some((label) => label.startsWith(agentLabelPrefix));
}

function reconciled({ repository, number, changedAt }: ForgeItem): ReconciledItem {
  return { repositoryId: repository.id, number, changedAt };
}
