import { describe, expect, test } from 'vitest';
import { parseCommentCommand } from '../../src/domain/comment-command.ts';

describe('a comment', () => {
  test.each(['help', 'status', 'approve', 'freeze', 'resume', 'retry', 'destroy'] as const)(
    'whose first line is /bottle %s is that command',
    (type) => {
      expect(parseCommentCommand(`/bottle ${type}`)).toEqual({ type });
    },
  );

  test.each([
    ['/bottle', 'help'],
    ['/bottle   retry  \r\n\r\nPlease.', 'retry'],
    ['/Bottle Retry', 'retry'],
    ['/bottle\tfreeze', 'freeze'],
  ])('%j is the command %s', (body, type) => {
    expect(parseCommentCommand(body)).toEqual({ type });
  });

  test.each([
    '',
    'Use /bottle retry',
    'Please.\n/bottle retry',
    '> /bottle retry',
    ' /bottle retry',
    '    /bottle retry',
    '`/bottle retry`',
    '/bottles retry',
    '/bottle-retry',
    '\n/bottle retry',
  ])('%j is none', (body) => {
    expect(parseCommentCommand(body)).toBeUndefined();
  });

  test('extends a deadline by a time', () => {
    expect(parseCommentCommand('/bottle extend 2h')).toEqual({ type: 'extend', byMs: 7_200_000 });
    expect(parseCommentCommand('/bottle extend 90')).toEqual({ type: 'extend', byMs: 90_000 });
  });

  test.each([
    ['/bottle explode', /no such command/],
    ['/bottle retry now', /`\/bottle retry` takes nothing/],
    ['/bottle extend', /`\/bottle extend 2h`/],
    ['/bottle extend soon', /a whole number with s, m, h or d/],
    ['/bottle extend 0', /the time to add/],
    ['/bottle extend 2 h', /the time to add/],
    ['/bottle extend 366d', /a year at most/],
    ['/bottle constructor', /no such command/],
  ])('%j is told what is wrong with it', (body, problem) => {
    expect(parseCommentCommand(body)).toEqual({
      type: 'unknown',
      problem: expect.stringMatching(problem),
    });
  });
});
