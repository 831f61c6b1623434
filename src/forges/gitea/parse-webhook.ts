import { isUtf8 } from 'node:buffer';
import { createHmac, timingSafeEqual } from 'node:crypto';
import * as z from 'zod/mini';
import type { IssueAction, PullRequestAction } from '../../domain/events.ts';
import type { ReviewVerdict } from '../../domain/issue.ts';
import {
  type ForgeEvent,
  type IgnoredEvent,
  WebhookFormatError,
  type WebhookHeaders,
  type WebhookParser,
} from '../webhook.ts';
import { loginOf, toHead } from './convert.ts';
import { pullRequestHeadSchema, timeSchema } from './schema.ts';

/** Deliveries of Gitea, whose labels are not read: they were seen to be wrong (`PUT …/labels` sends none). */
export const giteaWebhooks: WebhookParser = {
  verify(headers, rawBody, secret) {
    const signature = header(headers, 'x-gitea-signature');
    // Without a secret anybody can sign
    if (secret === '' || signature === undefined || !/^[0-9a-f]{64}$/.test(signature)) {
      return false;
    }
    const expected = createHmac('sha256', secret).update(rawBody).digest();
    return timingSafeEqual(Buffer.from(signature, 'hex'), expected);
  },

  parse(headers, rawBody) {
    const event = header(headers, 'x-gitea-event');
    if (event === undefined) {
      throw new WebhookFormatError('the header X-Gitea-Event is missing');
    }
    const body = parseObject(rawBody);
    const kind = kindOf(body);
    if (!isHeaderOf(kind, event)) {
      throw new WebhookFormatError(
        `X-Gitea-Event says ${event}, but the body is ${kindNames[kind]}`,
      );
    }
    switch (kind) {
      case 'issue':
        return parseIssueEvent(event, body);
      case 'pull_request':
        return parsePullRequestEvent(event, body);
      case 'comment':
        return parseCommentEvent(event, body);
      case 'review':
        return parseReviewEvent(event, body);
      case 'other':
        return { type: 'ignored', event, reason: 'not about an issue or a pull request' };
    }
  },
};

type Kind = ForgeEvent['type'] | 'other';

const kindNames: Readonly<Record<Kind, string>> = {
  issue: 'about an issue',
  pull_request: 'about a pull request',
  comment: 'about a comment',
  review: 'about a review',
  other: 'about something else',
};

/** By what is inside: only the body is signed. `number` tells a pull request's event from one that merely mentions it. */
function kindOf(body: Readonly<Record<string, unknown>>): Kind {
  const has = (key: string): boolean => body[key] !== undefined && body[key] !== null;
  if (has('comment') && has('issue')) {
    return 'comment';
  }
  if (has('number') && has('pull_request')) {
    return has('review') ? 'review' : 'pull_request';
  }
  return has('number') && has('issue') ? 'issue' : 'other';
}

/** The events of a body; everything that is not named here belongs to `other`. */
const headersOf: Readonly<Record<ForgeEvent['type'], readonly string[]>> = {
  issue: ['issues'],
  pull_request: ['pull_request'],
  comment: ['issue_comment'],
  review: ['pull_request_comment', 'pull_request_approved', 'pull_request_rejected'],
};

function isHeaderOf(kind: Kind, event: string): boolean {
  return kind === 'other'
    ? !Object.values(headersOf).flat().includes(event)
    : headersOf[kind].includes(event);
}

const issueActions: Readonly<Record<string, IssueAction>> = {
  opened: 'opened',
  reopened: 'reopened',
  closed: 'closed',
  edited: 'edited',
  label_updated: 'labelled',
  label_cleared: 'labelled',
  assigned: 'assigned',
  unassigned: 'unassigned',
};

const pullRequestActions: Readonly<Record<string, PullRequestAction>> = {
  opened: 'opened',
  reopened: 'reopened',
  closed: 'closed',
  edited: 'edited',
  synchronized: 'synchronized',
};

const commentActions: Readonly<Record<string, 'created' | 'edited' | 'deleted'>> = {
  created: 'created',
  edited: 'edited',
  deleted: 'deleted',
};

/** By `review.type`, with the header that goes with it. */
const reviewTypes: Readonly<Record<string, { header: string; verdict: ReviewVerdict }>> = {
  pull_request_review_comment: { header: 'pull_request_comment', verdict: 'commented' },
  pull_request_review_approved: { header: 'pull_request_approved', verdict: 'approved' },
  pull_request_review_rejected: { header: 'pull_request_rejected', verdict: 'changes_requested' },
};

const user = z.object({ login: z.string().check(z.minLength(1)) });
const positive = z.int().check(z.positive());
/** An issue, or a pull request as an issue. */
const item = z.object({
  number: positive,
  title: z.string(),
  html_url: z.string(),
  updated_at: timeSchema,
});
const pullRequest = z.extend(item, { merged: z.boolean(), head: pullRequestHeadSchema });
const base = z.object({
  action: z.string(),
  sender: user,
  repository: z.object({ id: positive, name: z.string(), owner: user, html_url: z.url() }),
});

const issueEvent = z.extend(base, { issue: item });

function parseIssueEvent(event: string, body: object): ForgeEvent | IgnoredEvent {
  const payload = parseFields(issueEvent, body);
  const action = own(issueActions, payload.action);
  return action === undefined
    ? ignoredAction(event, payload.action)
    : { type: 'issue', action, ...about(payload.issue, payload) };
}

const pullRequestEvent = z.extend(base, { pull_request: pullRequest });

function parsePullRequestEvent(event: string, body: object): ForgeEvent | IgnoredEvent {
  const payload = parseFields(pullRequestEvent, body);
  const pull = payload.pull_request;
  const action = own(pullRequestActions, payload.action);
  return action === undefined
    ? ignoredAction(event, payload.action)
    : {
        type: 'pull_request',
        action,
        merged: pull.merged,
        head: toHead(pull.head),
        ...about(pull, payload),
      };
}

const commentEvent = z.extend(base, {
  issue: item,
  comment: z.object({ id: positive, user: z.nullish(user), body: z.string() }),
  is_pull: z.boolean(),
  pull_request: z.nullish(pullRequest),
});

function parseCommentEvent(event: string, body: object): ForgeEvent | IgnoredEvent {
  const payload = parseFields(commentEvent, body);
  const { comment, pull_request: pull } = payload;
  if (payload.is_pull !== Boolean(pull)) {
    throw new WebhookFormatError("the body's is_pull and pull_request contradict each other");
  }
  const action = own(commentActions, payload.action);
  return action === undefined
    ? ignoredAction(event, payload.action)
    : {
        type: 'comment',
        action,
        commentId: comment.id,
        author: loginOf(comment.user),
        body: comment.body,
        head: pull ? toHead(pull.head) : undefined,
        ...about(payload.issue, payload),
      };
}

const reviewEvent = z.extend(pullRequestEvent, { review: z.object({ type: z.string() }) });

function parseReviewEvent(event: string, body: object): ForgeEvent | IgnoredEvent {
  const payload = parseFields(reviewEvent, body);
  const { pull_request: pull, review } = payload;
  const type = own(reviewTypes, review.type);
  if (type?.header !== event) {
    throw new WebhookFormatError(`X-Gitea-Event says ${event}, but review.type is ${review.type}`);
  }
  return payload.action === 'reviewed'
    ? { type: 'review', verdict: type.verdict, head: toHead(pull.head), ...about(pull, payload) }
    : ignoredAction(event, payload.action);
}

/** What every event tells. */
function about(
  { number, title, html_url: url, updated_at: at }: z.infer<typeof item>,
  { repository, sender }: z.infer<typeof base>,
): Pick<ForgeEvent, 'repository' | 'number' | 'sender' | 'title' | 'url' | 'at'> {
  const { id, name, owner, html_url: home } = repository;
  return {
    repository: { forgeHost: new URL(home).host, id, owner: owner.login, name },
    number,
    sender: sender.login,
    title,
    url,
    at,
  };
}

function ignoredAction(event: string, action: string): IgnoredEvent {
  return { type: 'ignored', event, reason: `the action ${action} changes nothing for us` };
}

function header(headers: WebhookHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

function parseObject(rawBody: Buffer): Record<string, unknown> {
  let body: unknown;
  try {
    body = isUtf8(rawBody) ? JSON.parse(rawBody.toString('utf8')) : undefined;
  } catch {
    body = undefined;
  }
  if (body === undefined) {
    throw new WebhookFormatError('the body is not JSON in UTF-8');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new WebhookFormatError('the body is not a JSON object');
  }
  return body as Record<string, unknown>;
}

function parseFields<T>(shape: z.ZodMiniType<T>, body: object): T {
  const parsed = shape.safeParse(body);
  if (!parsed.success) {
    const field = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new WebhookFormatError(`the body's field ${field} is missing or of another form`);
  }
  return parsed.data;
}

/** A plain lookup would find `constructor` in any table. */
function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
