import { describe, expect, test } from 'vitest';
import type { Comment } from '../../src/domain/issue.ts';
import { commentMarker } from '../../src/domain/marker.ts';
import { SignalsUnavailableError } from '../../src/inbox/workflow-signals.ts';
import { recordedDelivery, resigned, type RecordedDelivery } from '../api/recorded-deliveries.ts';
import { issueOf } from '../store/fresh-store.ts';
import { until } from '../support/until.ts';
import { setStage } from './stage.ts';

const marked = `Frozen.\n\n${commentMarker({ slug: 'acme-widgets-1-00000001', run: 1, digest: 'd' })}`;

interface CommentBody {
  comment: { id: number; body: string; user: { login: string } };
  sender: { login: string };
}

/** A recorded delivery of a comment with another text, author or sender. */
function altered(number: string, alter: (body: CommentBody) => void): RecordedDelivery {
  const delivery = recordedDelivery(number);
  const body = JSON.parse(delivery.rawBody) as CommentBody;
  alter(body);
  return resigned(delivery, JSON.stringify(body));
}

function reviewComment(id: number, kind: 'review' | 'inline', author = 'alice'): Comment {
  return {
    id,
    kind,
    author,
    body: 'Rename it.',
    createdAt: '2026-01-01T00:00:00Z',
    url: 'http://gitea.example/c',
  };
}

describe('a comment', () => {
  test('of somebody who may write is recorded and told', async () => {
    const { deliver, settled, signals, store } = await setStage();
    const sequence = await deliver(recordedDelivery('21'));
    expect((await settled(sequence)).state).toBe('dispatched');
    expect(signals.sent).toMatchObject([
      {
        start: false,
        issue: issueOf(1),
        event: {
          signal: 'pr_comment',
          event: { sequence, kind: 'conversation', id: 32, author: 'alice', on: 5 },
        },
      },
    ]);
    expect(await store.comments.takeUnread(issueOf(1), 'slug', 1)).toEqual([
      { on: 5, kind: 'conversation', id: 32, author: 'alice', sequence },
    ]);
  });

  test('of a member of the org who may not write is told', async () => {
    const { deliver, settled, signals } = await setStage();
    await settled(
      await deliver(
        altered('21', (body) => {
          body.comment.user.login = 'carol';
          body.sender.login = 'carol';
        }),
      ),
    );
    expect(signals.sent).toHaveLength(1);
  });

  test('of an outsider is recorded as ignored, with the reason', async () => {
    const { deliver, settled, signals, store } = await setStage();
    expect(await settled(await deliver(recordedDelivery('23')))).toMatchObject({
      state: 'ignored',
      reason: 'mallory can neither write to the repository nor is a member of the org',
    });
    expect(signals.sent).toEqual([]);
    expect(await store.comments.recordedBy(1, 'conversation', 34)).toBeDefined();
    expect(await store.comments.takeUnread(issueOf(1), 'slug', 1)).toEqual([]);
  });

  test('of a person who shares the token of the orchestrator is told', async () => {
    const { deliver, settled, signals } = await setStage();
    await settled(await deliver(recordedDelivery('22')));
    expect(signals.sent).toMatchObject([{ event: { event: { author: 'bot' } } }]);
  });

  test('that we posted is ignored by its id, and nobody is asked who may write', async () => {
    const { deliver, settled, signals, store, forge } = await setStage();
    await store.comments.recordOwn(1, 33);
    forge.before = async (method) => {
      expect(method).toBe('whoAmI');
    };
    expect(await settled(await deliver(recordedDelivery('22')))).toMatchObject({
      state: 'ignored',
      reason: 'posted by the orchestrator or its agent',
    });
    expect(signals.sent).toEqual([]);
  });

  test('that we posted is ignored by its marker until its id is stored', async () => {
    const { deliver, settled } = await setStage();
    const ours = altered('22', (body) => {
      body.comment.body = marked;
    });
    expect((await settled(await deliver(ours))).state).toBe('ignored');
    const pasted = altered('21', (body) => {
      body.comment.body = marked;
    });
    expect((await settled(await deliver(pasted))).state).toBe('dispatched');
  });

  test('that an outsider changed no longer counts, and counts again when a writer changes it', async () => {
    const { deliver, settled, signals, store } = await setStage();
    await settled(await deliver(recordedDelivery('12')));
    const byOutsider = altered('13', (body) => {
      body.sender.login = 'mallory';
    });
    expect(await settled(await deliver(byOutsider))).toMatchObject({
      state: 'ignored',
      reason: /last changed by mallory/,
    });
    expect(await store.comments.takeUnread(issueOf(1), 'slug', 1)).toEqual([]);
    expect((await settled(await deliver(recordedDelivery('13')))).state).toBe('ignored');
    expect(await store.comments.takeUnread(issueOf(1), 'slug', 1)).toHaveLength(1);
    expect(signals.sent).toHaveLength(1);
  });
});

describe('a review', () => {
  test('is told once, by its text, with all of its comments recorded', async () => {
    const { deliver, settled, signals, store, forge } = await setStage();
    forge.comments.set(5, [
      { ...reviewComment(32, 'inline'), kind: 'conversation' },
      reviewComment(100, 'inline'),
      reviewComment(101, 'inline'),
      reviewComment(102, 'inline', 'mallory'),
      reviewComment(7, 'review'),
    ]);
    const sequence = await deliver(recordedDelivery('24'));
    expect((await settled(sequence)).state).toBe('dispatched');
    expect(signals.sent.map(({ event }) => event)).toEqual([
      { signal: 'pr_comment', event: { sequence, kind: 'review', id: 7, author: 'alice', on: 5 } },
    ]);
    const unread = await store.comments.takeUnread(issueOf(1), 'slug', 1);
    expect(unread.map(({ kind, id }) => [kind, id])).toEqual([
      ['review', 7],
      ['inline', 100],
      ['inline', 101],
    ]);
  });

  test('without a text is told by its first inline comment', async () => {
    const { deliver, settled, signals, forge } = await setStage();
    forge.comments.set(5, [reviewComment(100, 'inline'), reviewComment(101, 'inline')]);
    await settled(await deliver(recordedDelivery('25')));
    expect(signals.sent).toMatchObject([{ event: { event: { kind: 'inline', id: 100 } } }]);
  });

  test('of nothing but an approval is ignored', async () => {
    const { deliver, settled } = await setStage();
    expect(await settled(await deliver(recordedDelivery('26')))).toMatchObject({
      state: 'ignored',
      reason: 'a review without a text or an inline comment that is new',
    });
  });

  test('brings what no earlier review has brought', async () => {
    const { deliver, settled, signals, forge } = await setStage();
    forge.comments.set(5, [reviewComment(7, 'review')]);
    await settled(await deliver(recordedDelivery('24')));
    forge.comments.set(5, [reviewComment(7, 'review'), reviewComment(100, 'inline')]);
    await settled(await deliver(recordedDelivery('25')));
    expect((await settled(await deliver(recordedDelivery('26')))).state).toBe('ignored');
    expect(signals.sent.map(({ event }) => 'id' in event.event && event.event.id)).toEqual([
      7, 100,
    ]);
  });

  test('of an outsider is recorded as ignored', async () => {
    const { deliver, settled, signals, store, forge } = await setStage();
    forge.comments.set(5, [reviewComment(7, 'review', 'mallory')]);
    const delivery = altered('24', (body) => {
      body.sender.login = 'mallory';
    });
    expect(await settled(await deliver(delivery))).toMatchObject({
      state: 'ignored',
      reason: /^mallory can neither write/,
    });
    expect(signals.sent).toEqual([]);
    expect(await store.comments.recordedBy(1, 'review', 7)).toBeDefined();
  });

  test('that was recorded but not told is told at the next try', async () => {
    const { deliver, settled, signals, store, forge, pass } = await setStage();
    forge.comments.set(5, [reviewComment(7, 'review')]);
    signals.before = async () => {
      throw new SignalsUnavailableError('away');
    };
    const sequence = await deliver(recordedDelivery('24'));
    await until('it to be recorded', () => store.comments.recordedBy(1, 'review', 7));
    signals.before = async () => undefined;
    await until('it to be told', () => {
      pass(30_000);
      return signals.sent.length === 1;
    });
    expect((await settled(sequence)).state).toBe('dispatched');
    expect(await store.comments.takeUnread(issueOf(1), 'slug', 1)).toHaveLength(1);
  });
});
