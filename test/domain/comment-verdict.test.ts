import { describe, expect, test } from 'vitest';
import { judgeComment, type JudgedComment } from '../../src/domain/comment-verdict.ts';
import { commentMarker } from '../../src/domain/marker.ts';

const marked = `Frozen.\n\n${commentMarker({ slug: 'acme-widgets-1-00000001', run: 1, digest: 'd' })}`;

const plain: JudgedComment = { author: 'alice', editor: 'alice', body: 'Do it.', ownById: false };

describe('a comment counts', () => {
  test.each<[string, Partial<JudgedComment>]>([
    ['of somebody who may write', {}],
    ['changed by another who may write', { editor: 'bob' }],
    ["of a person who shares the orchestrator's account", { author: 'bot', editor: 'bot' }],
    ['with our marker, pasted by another', { body: marked }],
    ['that quotes ours', { author: 'bot', editor: 'bot', body: `> ${marked}\n\nNo.` }],
  ])('%s', (_, comment) => {
    expect(judgeComment({ ...plain, ...comment }, 'bot', new Set(['alice', 'bob', 'bot']))).toEqual(
      {
        counts: true,
      },
    );
  });
});

describe('a comment does not count', () => {
  test.each<[string, Partial<JudgedComment>, RegExp]>([
    ['of an outsider', { author: 'mallory', editor: 'mallory' }, /^mallory can neither write/],
    ['of an outsider, changed by a writer', { author: 'mallory' }, /^mallory can neither write/],
    ['of a writer, changed by an outsider', { editor: 'mallory' }, /^last changed by mallory/],
    ['of a writer, changed by nobody knows whom', { editor: undefined }, /does not tell by whom/],
    ['that we posted, by its id', { ownById: true }, /posted by the orchestrator/],
    ['that we posted, changed by a writer', { author: 'bot', ownById: true }, /posted by/],
    ['with our marker, of our account', { author: 'bot', body: marked }, /posted by/],
  ])('%s', (_, comment, reason) => {
    const verdict = judgeComment({ ...plain, ...comment }, 'bot', new Set(['alice', 'bot']));
    expect(verdict).toEqual({ counts: false, reason: expect.stringMatching(reason) as string });
  });
});
