import type { Comment, RepositoryRef } from './issue.ts';
import { commentMarker, findMarker, type MarkerKey } from './marker.ts';

/** What a forge must be able to do for it. */
interface CommentThread {
  whoAmI(): Promise<string>;
  listComments(repository: RepositoryRef, number: number): Promise<readonly Comment[]>;
  createComment(repository: RepositoryRef, number: number, body: string): Promise<Comment>;
}

interface OwnComments {
  recordOwn(repositoryId: number, id: number): Promise<void>;
}

/**
 * Posts a comment once as seen by people. Killed after the forge took it and before it was recorded, the next try
 * finds it by its marker.
 * @param number of the issue or pull request
 */
export async function postOnce(
  forge: CommentThread,
  comments: OwnComments,
  repository: RepositoryRef,
  number: number,
  key: MarkerKey,
  body: string,
): Promise<void> {
  const own = await forge.whoAmI();
  const posted = (await forge.listComments(repository, number)).find((comment) => {
    const marker = comment.author === own ? findMarker(comment.body) : undefined;
    return marker?.slug === key.slug && marker.run === key.run && marker.digest === key.digest;
  });
  const comment =
    posted ?? (await forge.createComment(repository, number, `${body}\n\n${commentMarker(key)}`));
  await comments.recordOwn(repository.id, comment.id);
}
