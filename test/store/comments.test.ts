import { describe, expect, test } from 'vitest';
import type { NewComment } from '../../src/store/store.ts';
import { freshStore, issueOf } from './fresh-store.ts';

function comment(id: number, more: Partial<NewComment> = {}): NewComment {
  return {
    issue: issueOf(1),
    on: 5,
    kind: 'conversation',
    id,
    author: 'alice',
    sequence: id,
    verdict: { counts: true },
    ...more,
  };
}

const outsider = { counts: false, reason: 'an outsider' } as const;

describe('a command in a comment', () => {
  test('has the verdict that came first, once it was recorded', async () => {
    const { comments } = await freshStore();
    expect(await comments.commandVerdict(1, 30)).toBeUndefined();
    await comments.record(comment(30));
    await comments.record(comment(31));
    expect(await comments.commandVerdict(1, 30)).toBeUndefined();
    await comments.recordCommandVerdict(1, 30, { accepted: false, reason: 'nothing runs' });
    await comments.recordCommandVerdict(1, 30, { accepted: true });
    await comments.recordCommandVerdict(1, 31, { accepted: true });
    expect(await comments.commandVerdict(1, 30)).toEqual({
      accepted: false,
      reason: 'nothing runs',
    });
    expect(await comments.commandVerdict(1, 31)).toEqual({ accepted: true });
  });
});

describe('comments', () => {
  test('are read by one run each, oldest first, a review before its inline comments', async () => {
    const { comments } = await freshStore();
    await comments.record(comment(30, { kind: 'inline', sequence: 2 }));
    await comments.record(comment(31, { kind: 'inline', sequence: 2 }));
    await comments.record(comment(40, { kind: 'review', sequence: 2 }));
    await comments.record(comment(50, { sequence: 1 }));
    await comments.record(comment(60, { issue: issueOf(2) }));
    const taken = await comments.takeUnread(issueOf(1), 'slug', 1);
    expect(taken).toEqual([
      { on: 5, kind: 'conversation', id: 50, author: 'alice', sequence: 1 },
      { on: 5, kind: 'review', id: 40, author: 'alice', sequence: 2 },
      { on: 5, kind: 'inline', id: 30, author: 'alice', sequence: 2 },
      { on: 5, kind: 'inline', id: 31, author: 'alice', sequence: 2 },
    ]);
    expect(await comments.takenBy('slug', 1)).toEqual(taken);
    expect(await comments.takeUnread(issueOf(1), 'slug', 2)).toEqual([]);
  });

  test('that a run has taken are taken again by it, with those that came since', async () => {
    const { comments } = await freshStore();
    await comments.record(comment(1));
    await comments.takeUnread(issueOf(1), 'slug', 1);
    await comments.record(comment(2));
    expect(await comments.takeUnread(issueOf(1), 'slug', 1)).toMatchObject([{ id: 1 }, { id: 2 }]);
  });

  test('that a run gives back are read by the next', async () => {
    const { comments } = await freshStore();
    await comments.record(comment(1));
    await comments.takeUnread(issueOf(1), 'slug', 1);
    await comments.giveBack('slug', 1);
    expect(await comments.takenBy('slug', 1)).toEqual([]);
    expect(await comments.takeUnread(issueOf(1), 'slug', 2)).toMatchObject([{ id: 1 }]);
  });

  test('that do not count are never read', async () => {
    const { comments } = await freshStore();
    await comments.record(comment(1, { verdict: outsider }));
    expect(await comments.takeUnread(issueOf(1), 'slug', 1)).toEqual([]);
  });

  test('are recorded once, by the first delivery that brings them', async () => {
    const { comments } = await freshStore();
    expect(await comments.recordedBy(1, 'conversation', 1)).toBeUndefined();
    await comments.record(comment(1, { sequence: 4 }));
    await comments.record(comment(1, { sequence: 9, verdict: outsider }));
    expect(await comments.recordedBy(1, 'conversation', 1)).toBe(4);
    expect(await comments.recordedBy(1, 'review', 1)).toBeUndefined();
    expect(await comments.recordedBy(2, 'conversation', 1)).toBeUndefined();
    expect(await comments.takeUnread(issueOf(1), 'slug', 1)).toHaveLength(1);
  });

  test('count or not by their last editor, which leaves a review of the same id alone', async () => {
    const { comments } = await freshStore();
    await comments.record(comment(1));
    await comments.record(comment(1, { kind: 'review', sequence: 2 }));
    await comments.recordEdit(1, 1, outsider);
    expect(await comments.takeUnread(issueOf(1), 'slug', 1)).toMatchObject([{ kind: 'review' }]);
    await comments.recordEdit(1, 1, { counts: true });
    expect(await comments.takeUnread(issueOf(1), 'slug', 2)).toMatchObject([
      { kind: 'conversation' },
    ]);
  });

  test('of our own are known by id', async () => {
    const { comments } = await freshStore();
    await comments.recordOwn(1, 7);
    await comments.recordOwn(1, 7);
    expect(await comments.isOwn(1, 7)).toBe(true);
    expect(await comments.isOwn(1, 8)).toBe(false);
    expect(await comments.isOwn(2, 7)).toBe(false);
  });
});
