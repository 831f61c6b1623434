import type { IssueRef } from '../domain/issue.ts';
import type { MarkerKey } from '../domain/marker.ts';
import { postOnce } from '../domain/post-once.ts';
import type { Forge } from '../forges/forge.ts';
import type { Store } from '../store/store.ts';
import { inRepository } from './repository.ts';

/**
 * Posts a comment once as seen by people, under the name that the repository has now.
 * @param number of the issue, or of its pull request
 */
export async function postOnIssue(
  ports: { readonly forge: Forge; readonly store: Store },
  issue: IssueRef,
  number: number,
  key: MarkerKey,
  body: string,
): Promise<void> {
  const { forge, store } = ports;
  await inRepository(ports, issue, (repository) =>
    postOnce(forge, store.comments, repository, number, key, body),
  );
}
