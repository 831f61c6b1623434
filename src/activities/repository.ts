import { ForgeMovedError } from '../domain/errors.ts';
import type { IssueRef, RepositoryRef } from '../domain/issue.ts';
import type { ForgeDirectory } from '../forges/forge.ts';
import type { Store } from '../store/store.ts';

/**
 * Does something in the repository of an issue, under the name it has now. A workflow knows it by its first-seen name;
 * deliveries and launches tell the store of a rename, and where the forge says that it moved, it is asked and the work
 * done once more: a write that moved was not sent.
 */
export async function inRepository<T>(
  ports: { readonly forge: ForgeDirectory; readonly store: Store },
  issue: IssueRef,
  work: (repository: RepositoryRef) => Promise<T>,
): Promise<T> {
  const { forge, store } = ports;
  const { forgeHost, id } = issue.repository;
  const known = await store.repositories.byId(forgeHost, id);
  try {
    return await work(known?.current ?? issue.repository);
  } catch (error) {
    if (!(error instanceof ForgeMovedError)) {
      throw error;
    }
    const { ref } = await forge.readRepositoryById(id);
    return await work((await store.repositories.see(ref)).current);
  }
}
