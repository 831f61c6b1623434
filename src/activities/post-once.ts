import type { IssueRef } from '../domain/issue.ts';
import { commentMarker, findMarker, type MarkerKey } from '../domain/marker.ts';
import type { Forge } from '../forges/forge.ts';
import type { Store } from '../store/store.ts';
import { inRepository } from './repository.ts';

/**
 * Posts a comment once as seen by people. Killed after the forge took it and before it was recorded, the next try
 * finds it by its marker.
 * @param number of the issue, or of its pull request
 */
export async function postOnce(
  ports: { readonly forge: Forge; readonly store: Store },
  issue: IssueRef,
  number: number,
  key: MarkerKey,
  body: string,
): Promise<void> {
  const { forge, store } = ports;
  const own = await forge.whoAmI();
  await inRepository(ports, issue, async (repository) => {
    const posted = (await forge.listComments(repository, number)).find((comment) => {
      const marker = comment.author === own ? findMarker(comment.body) : undefined;
      return marker?.slug === key.slug && marker.run === key.run && marker.digest === key.digest;
    });
    const comment =
      posted ?? (await forge.createComment(repository, number, `${body}\n\n${commentMarker(key)}`));
    await store.comments.recordOwn(repository.id, comment.id);
  });
}
