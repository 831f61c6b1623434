import { commentMarker, findMarker, type MarkerKey } from '../domain/marker.ts';
import type { RepositoryRef } from '../domain/issue.ts';
import type { Forge } from '../forges/forge.ts';
import type { Store } from '../store/store.ts';

/**
 * Posts a comment once as seen by people. Killed after the forge took it and before it was recorded, the next try
 * finds it by its marker.
 */
export async function postOnce(
  ports: { readonly forge: Forge; readonly store: Store },
  repository: RepositoryRef,
  number: number,
  key: MarkerKey,
  body: string,
): Promise<void> {
  const { forge, store } = ports;
  const own = await forge.whoAmI();
  const posted = (await forge.listComments(repository, number)).find((comment) => {
    const marker = comment.author === own ? findMarker(comment.body) : undefined;
    return marker?.slug === key.slug && marker.run === key.run && marker.digest === key.digest;
  });
  const comment =
    posted ?? (await forge.createComment(repository, number, `${body}\n\n${commentMarker(key)}`));
  await store.comments.recordOwn(repository.id, comment.id);
}
