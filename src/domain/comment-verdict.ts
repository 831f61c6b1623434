import { findMarker } from './marker.ts';

/** Whether a comment may instruct an agent; if not, why, for people. */
export type CommentVerdict =
  | { readonly counts: true }
  | { readonly counts: false; readonly reason: string };

/** A text below an issue or PR, as the judgement needs it. */
export interface JudgedComment {
  /** Who wrote it. */
  readonly author: string;
  /** Who changed it last; the author when nobody did; undefined when somebody did and the forge does not tell who. */
  readonly editor: string | undefined;
  readonly body: string;
  /** Its id is known as one that the orchestrator or an agent posted. */
  readonly ownById: boolean;
}

/**
 * True for a comment that the orchestrator or an agent posted: by its id, or, until that is stored, by our marker. The
 * marker alone could be pasted by anybody, and the account alone may be shared with a person, so it takes both.
 */
export function isOwnComment(comment: JudgedComment, ownLogin: string): boolean {
  return comment.ownById || (comment.author === ownLogin && findMarker(comment.body) !== undefined);
}

/**
 * Judges a comment: it counts when both who wrote it and who last changed it are trusted, and it is not our own.
 * @param trusted those of its author and editor who may write to the repository or are members of the org
 */
export function judgeComment(
  comment: JudgedComment,
  ownLogin: string,
  trusted: ReadonlySet<string>,
): CommentVerdict {
  if (isOwnComment(comment, ownLogin)) {
    return { counts: false, reason: 'posted by the orchestrator or its agent' };
  }
  if (!trusted.has(comment.author)) {
    return {
      counts: false,
      reason: `${comment.author} can neither write to the repository nor is a member of the org`,
    };
  }
  if (comment.editor === undefined) {
    return {
      counts: false,
      reason: 'changed since it was written, and the forge does not tell by whom: write it again',
    };
  }
  if (!trusted.has(comment.editor)) {
    return {
      counts: false,
      reason: `last changed by ${comment.editor}, who can neither write to the repository nor is a member of the org`,
    };
  }
  return { counts: true };
}
