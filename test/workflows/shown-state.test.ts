import { describe, expect, test } from 'vitest';
import { beginState, type IssueState, type LastEnd } from '../../src/workflows/issue-state.ts';
import { shownState } from '../../src/workflows/shown-state.ts';
import { issue, life } from './a-life.ts';

const success: LastEnd = {
  outcome: 'done',
  askedFor: false,
  exitCode: 0,
  doneStatus: 'success',
};

function state(more: Partial<IssueState>): IssueState {
  return { ...beginState(issue, 0), life, pullRequest: 8, run: 2, ...more };
}
function statusOf(more: Partial<IssueState>) {
  const status = shownState(state(more), { labels: false })?.status;
  return status && [status.state, status.description];
}

describe('the commit status', () => {
  test.each(['queued', 'running', 'freezing', 'resuming'] as const)(
    'is pending while the issue is %s',
    (phase) => {
      expect(statusOf({ phase, lastEnd: success })).toEqual(['pending', 'An agent is at work']);
    },
  );

  test.each<[string, Partial<LastEnd>, string, string]>([
    ['done', {}, 'success', 'Run 2 is done'],
    ['an exit with 0', { outcome: 'exited', doneStatus: undefined }, 'success', 'Run 2 is done'],
    ['a blocked agent', { doneStatus: 'blocked' }, 'failure', 'Run 2 ended: done (blocked)'],
    ['an exit with 1', { outcome: 'exited', exitCode: 1 }, 'failure', 'Run 2 ended: exited'],
    ['a failed program', { outcome: 'exited', failed: true }, 'failure', 'Run 2 ended: exited'],
    ['the watchdog', { outcome: 'watchdog' }, 'failure', 'Run 2 ended: watchdog'],
    ['a freeze', { outcome: 'cancelled', askedFor: true }, 'failure', 'Run 2 ended: cancelled'],
  ])('after %s is what the run came to, also when the bottle is gone', (_, end, ...said) => {
    const lastEnd = { ...success, ...end };
    for (const phase of ['frozen', 'destroying', 'destroyed'] as const) {
      expect(statusOf({ phase, lastEnd })).toEqual(said);
    }
  });

  test('of a life that ends before a run begins is no longer pending', () => {
    expect(statusOf({ phase: 'destroyed' })).toEqual(['failure', 'Ended before a run began']);
  });

  test('says until when a parked issue waits, and that a launch failed', () => {
    const lastEnd: LastEnd = { ...success, outcome: 'parked', parkedUntil: 0 };
    expect(statusOf({ phase: 'parked', lastEnd })).toEqual([
      'pending',
      "Waits for the model provider's limit until 1970-01-01 00:00 UTC",
    ]);
    expect(statusOf({ phase: 'failed' })).toEqual(['failure', 'Run 2 could not be started']);
  });
});

describe('nothing is shown', () => {
  test('of what is no target, of a life from before, or without a pull request and labels', () => {
    expect(shownState(state({ life: undefined }), { labels: true })).toBeUndefined();
    expect(shownState(state({}), undefined)).toBeUndefined();
    expect(shownState(state({ pullRequest: undefined }), { labels: false })).toBeUndefined();
  });
});

describe('the label', () => {
  test.each([
    ['queued', 'queued'],
    ['running', 'running'],
    ['freezing', 'running'],
    ['resuming', 'running'],
    ['frozen', 'frozen'],
    ['parked', 'parked'],
    ['failed', 'failed'],
    ['destroying', null],
    ['destroyed', null],
  ] as const)('of the phase %s is %s', (phase, label) => {
    expect(shownState(state({ phase }), { labels: true })?.label).toBe(label);
    expect(shownState(state({ phase }), { labels: false })).not.toHaveProperty('label');
  });
});
