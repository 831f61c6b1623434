import type { LaunchPlan } from '../agents/catalogue.ts';
import { parseCommentCommand } from '../domain/comment-command.ts';
import type { Comment, Issue, IssueRef } from '../domain/issue.ts';
import { resumePrompt, startPrompt, threadPrompt } from '../domain/prompts.ts';
import type { Forge } from '../forges/forge.ts';
import type { CommentRecord, Store } from '../store/store.ts';
import type { LaunchInput } from './inputs.ts';
import { inRepository } from './repository.ts';

/**
 * A run's prompt. Who goes on with a conversation is told what is new; who begins one, the whole thread.
 * @param session the conversation that the run goes on with
 * @param taken the comments that this run is to read
 * @param opening the issue, when it is being read already
 */
export async function buildPrompt(
  ports: { readonly forge: Forge; readonly store: Store },
  input: LaunchInput,
  { provider, standingPrompt }: LaunchPlan,
  session: string | undefined,
  taken: readonly CommentRecord[],
  opening: Promise<Issue> | undefined,
): Promise<string> {
  const { issue, life, pullRequest } = input;
  const { branch } = life;
  const door = life.backend === 'bot-bottle' ? 'tools' : 'command';
  const quoted = (records: readonly CommentRecord[]): Promise<Comment[]> =>
    inRepository(ports, issue, (repository) =>
      quote(records, (number) => ports.forge.listComments(repository, number)),
    );
  const comments = await quoted(taken);
  // A script has no conversation; what it wants to know later it keeps in its home.
  if (input.resumes && (session !== undefined || provider === 'script')) {
    return resumePrompt({ issueNumber: issue.number, pullRequest, branch, comments, door });
  }
  const found = await (opening ?? readIssue(ports, issue));
  if (!input.resumes) {
    return startPrompt({ issue: found, standingPrompt, branch, comments, door });
  }
  const earlier = await quoted(await ports.store.comments.takenBefore(life.slug, input.run));
  return threadPrompt({ issue: found, standingPrompt, branch, pullRequest, earlier, comments });
}

export function readIssue(
  ports: { readonly forge: Forge; readonly store: Store },
  issue: IssueRef,
): Promise<Issue> {
  return inRepository(ports, issue, (repository) =>
    ports.forge.readIssue(repository, issue.number),
  );
}

async function quote(
  taken: readonly CommentRecord[],
  list: (number: number) => Promise<readonly Comment[]>,
): Promise<Comment[]> {
  const quoted: Comment[] = [];
  for (const number of new Set(taken.map((comment) => comment.on))) {
    const wanted = new Set(taken.filter((one) => one.on === number).map(nameOf));
    const found = await list(number);
    quoted.push(
      ...found.filter(
        (comment) =>
          wanted.has(nameOf(comment)) &&
          // It may have become one by an edit that is not known yet.
          (comment.kind !== 'conversation' || parseCommentCommand(comment.body) === undefined),
      ),
    );
  }
  return quoted.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
}

/** A reply below a line of code is delivered as a comment of the conversation, and listed as an inline one. */
function nameOf({ kind, id }: Pick<Comment, 'kind' | 'id'>): string {
  return `${kind === 'review' ? 'review' : 'comment'}/${id}`;
}
