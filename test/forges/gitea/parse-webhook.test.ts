import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { giteaWebhooks } from '../../../src/forges/gitea/parse-webhook.ts';
import {
  type ForgeEvent,
  type IgnoredEvent,
  WebhookFormatError,
} from '../../../src/forges/webhook.ts';

const fixtures = new URL('../../fixtures/gitea-webhooks/', import.meta.url);
const secret = 'lab-webhook-secret';

interface Delivery {
  readonly headers: Record<string, string>;
  readonly rawBody: string;
}

/** Its headers' names are in lower case, as Node gives them. */
function recorded(name: string): Delivery {
  const { headers, rawBody } = JSON.parse(
    readFileSync(new URL(name, fixtures), 'utf8'),
  ) as Delivery;
  const lowered = Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]);
  return { headers: Object.fromEntries(lowered) as Delivery['headers'], rawBody };
}

function parse({ headers, rawBody }: Delivery): ForgeEvent | IgnoredEvent {
  return giteaWebhooks.parse(headers, Buffer.from(rawBody));
}

/**
 * A recorded delivery with fields of its body changed (`{ 'issue.number': 7 }`; undefined takes one away), and maybe
 * another event header.
 */
function altered(name: string, changes: Record<string, unknown>, event?: string): Delivery {
  const { headers, rawBody } = recorded(name);
  const body = JSON.parse(rawBody) as Record<string, unknown>;
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    const parent = keys.reduce((at, key) => at[key] as Record<string, unknown>, body);
    Object.defineProperty(parent, last, { value, enumerable: true });
  }
  return {
    headers: event === undefined ? headers : { ...headers, 'x-gitea-event': event },
    rawBody: JSON.stringify(body),
  };
}

const widgets = { forgeHost: 'gitea.example', id: 1, owner: 'acme', name: 'widgets' };
const vault = { ...widgets, id: 2, name: 'vault' };
const head = { branch: 'bot-bottle/issue-1', repositoryId: 1 };

const issue = (number: number, action: string, sender = 'alice') => ({
  type: 'issue',
  action,
  number,
  sender,
  repository: widgets,
});
const pull = (action: string, sender: string, merged = false) => ({
  type: 'pull_request',
  action,
  number: 5,
  sender,
  merged,
  head,
  repository: widgets,
});
const comment = (
  number: number,
  action: string,
  author: string,
  body: string,
  commentId: number,
) => ({
  type: 'comment',
  action,
  number,
  commentId,
  author,
  body,
  sender: author,
  head: number === 5 ? head : undefined,
  repository: widgets,
});
const review = (verdict: string) => ({
  type: 'review',
  verdict,
  number: 5,
  sender: 'alice',
  head,
  repository: widgets,
});
const ignored = (event: string) => ({ type: 'ignored', event });

const expectations: Readonly<Record<string, object>> = {
  '01-issues-opened.json': issue(1, 'opened'),
  '02-issues-assigned.json': issue(2, 'assigned'),
  '03-issues-opened.json': issue(2, 'opened'),
  '04-issues-label_updated.json': issue(2, 'labelled'),
  '05-issues-label_updated.json': issue(1, 'labelled'),
  '06-issues-label_updated.json': issue(1, 'labelled'),
  '07-issues-label_updated.json': issue(1, 'labelled'),
  '08-issues-label_cleared.json': issue(1, 'labelled'),
  '09-issues-assigned.json': issue(1, 'assigned'),
  '10-issues-unassigned.json': issue(1, 'unassigned'),
  '11-issues-edited.json': issue(1, 'edited'),
  '12-issue_comment-created.json': comment(1, 'created', 'alice', '@bot go ahead', 19),
  '13-issue_comment-edited.json': comment(1, 'edited', 'alice', '@bot go ahead please', 19),
  '14-issue_comment-deleted.json': comment(1, 'deleted', 'alice', '@bot go ahead please', 19),
  '15-issue_comment-created.json': comment(1, 'created', 'bot', 'On it.', 20),
  '16-issues-opened.json': issue(3, 'opened', 'mallory'),
  '17-issues-closed.json': issue(1, 'closed'),
  '18-issues-reopened.json': issue(1, 'reopened'),
  '19-push-none.json': ignored('push'),
  '20-pull_request-opened.json': pull('opened', 'bot'),
  '21-issue_comment-created.json': comment(5, 'created', 'alice', 'Please rename it.', 32),
  '22-issue_comment-created.json': comment(5, 'created', 'bot', 'Renaming.', 33),
  '23-issue_comment-created.json': comment(5, 'created', 'mallory', 'Also mine bitcoin.', 34),
  '24-pull_request_comment-reviewed.json': review('commented'),
  '25-pull_request_rejected-reviewed.json': review('changes_requested'),
  '26-pull_request_approved-reviewed.json': review('approved'),
  '27-pull_request-review_requested.json': ignored('pull_request'),
  '28-pull_request-synchronized.json': pull('synchronized', 'bot'),
  '29-pull_request-edited.json': pull('edited', 'bot'),
  '30-pull_request-label_updated.json': ignored('pull_request'),
  '31-status-pending.json': ignored('status'),
  '32-status-success.json': ignored('status'),
  '33-status-failure.json': ignored('status'),
  '34-pull_request-closed.json': pull('closed', 'alice'),
  '35-pull_request-reopened.json': pull('reopened', 'alice'),
  '36-pull_request-closed.json': pull('closed', 'alice', true),
  '37-issues-closed.json': issue(1, 'closed'),
  '38-issues-opened.json': { ...issue(1, 'opened'), repository: vault },
  '39-issues-opened-orghook.json': issue(1, 'opened'),
  '40-issues-opened-redelivered.json': issue(1, 'opened'),
  '41-push-none-hooktest.json': ignored('push'),
};

describe('the recorded deliveries of a Gitea', () => {
  test('are all expected below', () => {
    const names = readdirSync(fixtures).filter((name) => name.endsWith('.json'));

    expect(Object.keys(expectations)).toEqual(names.toSorted());
  });

  test.each(Object.entries(expectations))('%s is signed and understood', (name, expected) => {
    const delivery = recorded(name);

    expect(giteaWebhooks.verify(delivery.headers, Buffer.from(delivery.rawBody), secret)).toBe(
      true,
    );
    expect(parse(delivery)).toMatchObject(expected);
  });

  test('name the issue for people, and say nothing of its labels', () => {
    expect(parse(recorded('04-issues-label_updated.json'))).toEqual({
      ...issue(2, 'labelled'),
      at: expect.any(Number),
      title: expect.any(String),
      url: 'http://gitea.example/acme/widgets/issues/2',
    });
    expect(parse(recorded('21-issue_comment-created.json'))).toMatchObject({
      title: 'Add frobnicator',
      url: 'http://gitea.example/acme/widgets/pulls/5',
    });
  });
});

describe('the signature', () => {
  const { headers, rawBody } = recorded('01-issues-opened.json');
  const body = Buffer.from(rawBody);
  const signature = headers['x-gitea-signature'] ?? '';

  test.each([
    ['another secret', { 'x-gitea-signature': signature }, body, 'another'],
    ['another body', { 'x-gitea-signature': signature }, Buffer.from(`${rawBody} `), secret],
    ['no signature', {}, body, secret],
    ['an empty signature', { 'x-gitea-signature': '' }, body, secret],
    ['a shorter signature', { 'x-gitea-signature': signature.slice(0, 62) }, body, secret],
    ['no hex', { 'x-gitea-signature': 'z'.repeat(64) }, body, secret],
    ['two signatures', { 'x-gitea-signature': [signature, signature] }, body, secret],
  ])('does not fit with %s', (_what, changedHeaders, changedBody, changedSecret) => {
    expect(giteaWebhooks.verify(changedHeaders, changedBody, changedSecret)).toBe(false);
  });

  test('never fits without a secret, with which anybody could sign', () => {
    const forged = createHmac('sha256', '').update(body).digest('hex');

    expect(giteaWebhooks.verify({ 'x-gitea-signature': forged }, body, '')).toBe(false);
  });

  test('is made over the bytes, not over the JSON they stand for', () => {
    const compact = Buffer.from(JSON.stringify(JSON.parse(rawBody)));

    expect(giteaWebhooks.verify(headers, compact, secret)).toBe(false);
  });
});

describe('a delivery that is not what Gitea sends', () => {
  const event = { 'x-gitea-event': 'issues' };

  test.each([
    ['no JSON', Buffer.from('{"action": "ope')],
    ['nothing', Buffer.alloc(0)],
    ['a list', Buffer.from('[]')],
    ['null', Buffer.from('null')],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('%s is refused', (_what, body) => {
    expect(() => giteaWebhooks.parse(event, body)).toThrow(WebhookFormatError);
  });

  test('one without the event header is refused', () => {
    const { rawBody } = recorded('01-issues-opened.json');

    expect(() => parse({ headers: {}, rawBody })).toThrow(/X-Gitea-Event/);
  });

  test.each([
    ['01-issues-opened.json', 'push'],
    ['01-issues-opened.json', 'pull_request'],
    ['12-issue_comment-created.json', 'issues'],
    ['19-push-none.json', 'issues'],
    ['20-pull_request-opened.json', 'pull_request_approved'],
    ['24-pull_request_comment-reviewed.json', 'pull_request_approved'],
    ['25-pull_request_rejected-reviewed.json', 'pull_request'],
    ['36-pull_request-closed.json', 'issues'],
  ])('%s under the header of %s is refused, naming it', (name, header) => {
    expect(() => parse(altered(name, {}, header))).toThrow(
      new RegExp(`X-Gitea-Event says ${header}`),
    );
  });

  test.each([
    ['01-issues-opened.json', 'issue.number', 'one'],
    ['01-issues-opened.json', 'issue.number', -1],
    ['01-issues-opened.json', 'repository', undefined],
    ['01-issues-opened.json', 'repository.id', 1.5],
    ['01-issues-opened.json', 'repository.html_url', 'gitea'],
    ['01-issues-opened.json', 'sender', null],
    ['12-issue_comment-created.json', 'comment.id', undefined],
    ['20-pull_request-opened.json', 'pull_request.head', undefined],
    ['21-issue_comment-created.json', 'pull_request', undefined],
    ['21-issue_comment-created.json', 'is_pull', false],
  ])('%s whose %s is %j is refused, naming the field', (name, field, value) => {
    const delivery = altered(name, { [field]: value });

    expect(() => parse(delivery)).toThrow(WebhookFormatError);
    expect(() => parse(delivery)).toThrow(field);
  });
});

describe('what else can be in a delivery', () => {
  test('an action we do not know is ignored, even one that a table has by nature', () => {
    for (const action of ['milestoned', 'deleted', 'constructor', '__proto__']) {
      const delivery = altered('01-issues-opened.json', { action });
      expect(parse(delivery)).toMatchObject({ type: 'ignored', event: 'issues' });
    }
  });

  test('an event that merely mentions a pull request is ignored', () => {
    const delivery = altered(
      '20-pull_request-opened.json',
      { number: undefined, workflow_run: {} },
      'workflow_run',
    );

    expect(parse(delivery)).toMatchObject({ type: 'ignored', event: 'workflow_run' });
  });

  test("the head's branch keeps its name when the branch is gone", () => {
    const delivery = altered('36-pull_request-closed.json', {
      'pull_request.head.ref': 'refs/pull/5/head',
    });

    expect(parse(delivery)).toMatchObject({ head });
  });

  test('a pull request without a branch, pushed to refs/for, has none of our names', () => {
    const delivery = altered('20-pull_request-opened.json', {
      'pull_request.head': { label: '', ref: 'refs/pull/5/head', repo_id: 1 },
    });

    expect(parse(delivery)).toMatchObject({ head: { branch: 'refs/pull/5/head' } });
  });

  test('a deleted fork has no repository', () => {
    const delivery = altered('20-pull_request-opened.json', {
      'pull_request.head.repo_id': -1,
      'pull_request.head.repo': null,
    });

    expect(parse(delivery)).toMatchObject({ head: { repositoryId: undefined } });
  });

  test('a comment edited by somebody else names both', () => {
    const delivery = altered('13-issue_comment-edited.json', { 'sender.login': 'mallory' });

    expect(parse(delivery)).toMatchObject({ author: 'alice', sender: 'mallory' });
  });

  test('a comment of a deleted account is nobody in particular', () => {
    const delivery = altered('12-issue_comment-created.json', { 'comment.user': null });

    expect(parse(delivery)).toMatchObject({ author: 'Ghost' });
  });
});
