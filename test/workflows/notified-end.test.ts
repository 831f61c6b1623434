import { describe, expect, test } from 'vitest';
import type { RunEnd } from '../../src/domain/run.ts';
import { beginState, type IssueState } from '../../src/workflows/issue-state.ts';
import { notifiedEnd } from '../../src/workflows/notified-end.ts';
import { reduce } from '../../src/workflows/reduce.ts';
import { issue, life } from './a-life.ts';

function running(pullRequest: number | undefined): IssueState {
  const opened = { type: 'opened', life, pullRequest, lastSequence: 0 } as const;
  const launched = { type: 'launched', deadlineMs: 1_000, readUpTo: 0 } as const;
  return [opened, launched].reduce((state, event) => reduce(state, event, 0), beginState(issue, 0));
}

function frozen(end: Omit<RunEnd, 'endedAt'>, before: IssueState): IssueState {
  const ended = { type: 'ended', end: { endedAt: 0, ...end }, pullRequest: undefined } as const;
  return reduce(reduce(before, ended, 0), { type: 'frozen' }, 0);
}

const said = (status: 'success' | 'partial' | 'failed' | 'blocked') =>
  ({ outcome: 'done', done: { status, summary: '' } }) as const;

describe('the end of a run', () => {
  test.each([
    ['the agent is blocked', said('blocked'), 'needs-you'],
    ['the agent did part of it', said('partial'), 'needs-you'],
    ['the agent could not do it', said('failed'), 'failed'],
    ['a budget is used up', { outcome: 'budget' }, 'needs-you'],
    ['nobody knows when a limit is reset', { outcome: 'parked' }, 'needs-you'],
    ['it goes on by itself', { outcome: 'parked', parkedUntil: 60_000 }, undefined],
    ['the watchdog fired', { outcome: 'watchdog' }, 'failed'],
    ['the deadline passed', { outcome: 'deadline' }, 'failed'],
    ['it was lost', { outcome: 'lost' }, 'failed'],
    ['the program failed', { outcome: 'exited', exitCode: 1 }, 'failed'],
    ['the program says that it failed', { outcome: 'exited', exitCode: 0, failed: true }, 'failed'],
    ['nobody asked for it', { outcome: 'cancelled' }, 'failed'],
  ] as const)('where %s', (_, end, event) => {
    expect(notifiedEnd(frozen(end, running(7)))).toBe(event);
    expect(notifiedEnd(frozen(end, running(undefined)))).toBe(event);
  });

  test.each([
    ['the agent is done', said('success')],
    ['the program just ends', { outcome: 'exited', exitCode: 0 }],
  ] as const)('where %s, is a pull request to review, and without one a failure', (_, end) => {
    expect(notifiedEnd(frozen(end, running(7)))).toBe('pull-request');
    expect(notifiedEnd(frozen(end, running(undefined)))).toBe('failed');
  });

  test('that somebody asked for is no news', () => {
    const asked = reduce(running(7), { type: 'command', command: 'freeze', by: 'alice' }, 0);
    expect(notifiedEnd(frozen({ outcome: 'cancelled' }, asked))).toBeUndefined();
  });

  test('is none when the bottle is to be destroyed', () => {
    const asked = reduce(running(7), { type: 'command', command: 'destroy', by: 'alice' }, 0);
    expect(notifiedEnd(frozen(said('blocked'), asked))).toBeUndefined();
  });
});
