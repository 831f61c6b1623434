import type { Comment, Issue, PullRequest } from '../../domain/issue.ts';
import type { SidecarMethod } from '../../domain/operation.ts';
import type { Done } from '../../domain/run.ts';

/** A call's result as text for a reader. Escape sequences that somebody wrote into an issue are taken out. */
export function formatResult(method: SidecarMethod, result: unknown): string {
  return `${printable(describe(method, result)).trimEnd()}\n`;
}

function describe(method: SidecarMethod, result: unknown): string {
  switch (method) {
    case 'read_issue':
      return describeIssue(result as Issue);
    case 'read_pr':
      return describePullRequest(result as PullRequest);
    case 'read_comments': {
      const comments = result as readonly Comment[];
      return comments.length === 0
        ? 'No comments.'
        : comments.map(describeComment).join('\n\n---\n\n');
    }
    case 'post_comment':
      return `Posted: ${(result as Comment).url}`;
    case 'update_description': {
      const { number, url } = result as Issue | PullRequest;
      return `Updated #${number}: ${url}`;
    }
    case 'open_pr': {
      const { number, url } = result as PullRequest;
      return `Pull request #${number}: ${url}`;
    }
    case 'signal_done':
      return `Recorded: ${(result as Done).status}. Your run is over: exit now.`;
  }
}

function describeIssue({ number, title, state, author, labels, assignees, url, body }: Issue) {
  const facts = [state, `by ${author}`, list('labels', labels), list('assigned to', assignees)];
  return `#${number} ${title}\n${join(facts)}\n${url}\n\n${body}`;
}

function describePullRequest(pullRequest: PullRequest): string {
  const { number, title, state, merged, author, headBranch, baseBranch, url, body } = pullRequest;
  const facts = [merged ? 'merged' : state, `by ${author}`, `${headBranch} into ${baseBranch}`];
  return `#${number} ${title}\n${join(facts)}\n${url}\n\n${body}`;
}

function describeComment({ author, createdAt, path, line, verdict, url, body }: Comment): string {
  const place = path === undefined ? '' : `on ${path}${line === undefined ? '' : ` line ${line}`}`;
  return `${join([author, createdAt, place, verdict?.replace('_', ' ') ?? ''])}\n${url}\n\n${body}`;
}

function list(name: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `${name} ${items.join(', ')}`;
}

function join(facts: readonly string[]): string {
  return facts.filter((fact) => fact !== '').join(' · ');
}

function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/[^\P{Cc}\t\n]/gu, '');
}
