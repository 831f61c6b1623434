import type { IssueRef, RepositoryRef } from '../domain/issue.ts';
import type { Store } from '../store/store.ts';

/**
 * The name a repository has on the forge now. A workflow knows it by its first-seen name; every delivery and every
 * launch that reads the repository tells the store of a rename.
 */
export async function currentRepository(store: Store, issue: IssueRef): Promise<RepositoryRef> {
  const { forgeHost, id } = issue.repository;
  const known = await store.repositories.byId(forgeHost, id);
  return known?.current ?? issue.repository;
}
