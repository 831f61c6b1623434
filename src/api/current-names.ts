import type { RepositoryRef } from '../domain/issue.ts';
import type { Store } from '../store/store.ts';

/** Says what repositories are called now; records have the names that they were first seen with. */
export async function currentNames(
  store: Pick<Store, 'repositories'>,
  repositories: Iterable<RepositoryRef>,
): Promise<(repository: RepositoryRef) => RepositoryRef> {
  const current = new Map<string, RepositoryRef>();
  for (const repository of repositories) {
    const key = keyOf(repository);
    if (!current.has(key)) {
      const names = await store.repositories.byId(repository.forgeHost, repository.id);
      current.set(key, names?.current ?? repository);
    }
  }
  return (repository) => current.get(keyOf(repository)) ?? repository;
}

function keyOf({ forgeHost, id }: RepositoryRef): string {
  return `${forgeHost}/${id}`;
}
