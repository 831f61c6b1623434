import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Outcome, RunEnd } from '../../src/domain/run.ts';
import {
  beginState,
  type IssueState,
  mustEnd,
  needsReport,
  parkedUntil,
} from '../../src/workflows/issue-state.ts';
import { nextStep } from '../../src/workflows/next-step.ts';
import { reduce, type StateEvent } from '../../src/workflows/reduce.ts';
import { refusal } from '../../src/workflows/refusal.ts';
import { issue, life } from './a-life.ts';

const debounceMs = 10_000;
let sequence = 0;

const opened: StateEvent = { type: 'opened', life, pullRequest: undefined, lastSequence: 0 };
const launched: StateEvent = { type: 'launched', deadlineMs: 1_000, readUpTo: 0 };
const frozen: StateEvent = { type: 'frozen' };

function ended(outcome: Outcome, details: Partial<RunEnd> = {}, pullRequest?: number): StateEvent {
  return { type: 'ended', end: { outcome, endedAt: 0, ...details }, pullRequest };
}
function done(pullRequest: number | undefined = 7): StateEvent {
  return ended('done', { done: { status: 'success', summary: '' } }, pullRequest);
}
function onIssue(
  action: 'opened' | 'labelled' | 'assigned' | 'closed' | 'reopened' | 'edited',
): StateEvent {
  return { type: 'issue_event', event: { sequence: ++sequence, action, sender: 'alice' } };
}
function onPullRequest(action: 'opened' | 'closed' | 'reopened', merged = false): StateEvent {
  const { branch } = life;
  const event = { sequence: ++sequence, action, number: 7, branch, merged, sender: 'alice' };
  return { type: 'pr_event', event };
}
function comment(at = ++sequence): StateEvent {
  const event = { sequence: at, kind: 'conversation', id: at, author: 'alice', on: 7 } as const;
  return { type: 'pr_comment', event };
}
function command(name: 'approve' | 'freeze' | 'resume' | 'retry' | 'destroy'): StateEvent {
  return { type: 'command', command: name, by: 'bob' };
}

/** The state after some events, a second apart. */
function after(...events: StateEvent[]): IssueState {
  return events.reduce(
    (state, event, i) => reduce(state, event, 1_000 * (i + 1)),
    beginState(issue, 0),
  );
}
function step(...events: StateEvent[]) {
  return nextStep(after(...events), debounceMs);
}

describe('an issue', () => {
  test('is read first, then launched, watched, frozen, and waits', () => {
    expect(step()).toEqual({ do: 'open' });
    expect(step(opened)).toEqual({ do: 'launch' });
    expect(step(opened, launched)).toEqual({ do: 'watch' });
    expect(step(opened, launched, done())).toEqual({ do: 'freeze' });
    expect(step(opened, launched, done(), frozen)).toEqual({ do: 'wait', until: undefined });
  });

  test('has the phases of the diagram', () => {
    expect(after().phase).toBe('queued');
    expect(after(opened, launched).phase).toBe('running');
    expect(after(opened, launched, done()).phase).toBe('freezing');
    expect(after(opened, launched, done(), frozen).phase).toBe('frozen');
    expect(after(opened, launched, done(), frozen, { type: 'resuming' }).phase).toBe('resuming');
    expect(after(opened, { type: 'destroying' }, { type: 'destroyed' }).phase).toBe('destroyed');
  });
});

describe('comments', () => {
  test('while queued are kept, and read by the first run', () => {
    const state = after(opened, comment(100), { ...launched, readUpTo: 100 });
    expect(state.unread).toEqual([]);
  });

  test('while running are kept for the next run', () => {
    const state = after(opened, launched, comment());
    expect(state.unread).toHaveLength(1);
    expect(mustEnd(state)).toBe(false);
    const idle = reduce(reduce(state, done(), 9_000), frozen, 9_000);
    expect(nextStep(idle, debounceMs)).toEqual({ do: 'wait', until: 3_000 + debounceMs });
  });

  test('are gathered for a fixed window from the first', () => {
    const first = after(opened, launched, done(), frozen, comment());
    expect(nextStep(first, debounceMs)).toEqual({ do: 'wait', until: 5_000 + debounceMs });
    const second = reduce(first, comment(), 8_000);
    expect(nextStep(second, debounceMs)).toEqual({ do: 'wait', until: 5_000 + debounceMs });
  });

  test('are named in the reason of the run', () => {
    const state = after(opened, launched, done(), frozen, comment(), comment(), {
      type: 'resuming',
    });
    expect(state.runCause).toBe('2 comments by alice');
  });
});

describe('events that were seen', () => {
  test('change nothing, whatever they are', () => {
    const events = [() => onIssue('closed'), () => onPullRequest('closed', true), () => comment()];
    fc.assert(
      fc.property(fc.constantFrom(...events), fc.boolean(), (make, running) => {
        const base = running ? after(opened, launched) : after(opened, launched, done(), frozen);
        const once = reduce(base, make(), 1);
        const late = { ...once, lastSequence: sequence + 1 };
        expect(reduce(late, make(), 2)).toBe(late);
      }),
    );
  });
});

describe('the pull request', () => {
  test('closed or merged while frozen destroys', () => {
    expect(step(opened, launched, done(), frozen, onPullRequest('closed', true))).toEqual({
      do: 'destroy',
    });
    expect(after(opened, launched, done(), onPullRequest('closed', true)).pullRequestMerged).toBe(
      true,
    );
  });

  test('closed while running stops, freezes, then destroys', () => {
    const running = after(opened, launched, onPullRequest('closed'));
    expect(mustEnd(running)).toBe(true);
    const stopped = reduce(running, ended('cancelled'), 4_000);
    expect(nextStep(stopped, debounceMs)).toEqual({ do: 'freeze' });
    expect(nextStep(reduce(stopped, frozen, 5_000), debounceMs)).toEqual({ do: 'destroy' });
  });

  test('closed while a run waits for its place gives the place up', () => {
    const state = after(
      opened,
      launched,
      done(),
      frozen,
      { type: 'resuming' },
      onPullRequest('closed'),
    );
    expect(mustEnd(state)).toBe(true);
    expect(nextStep(state, debounceMs)).toEqual({ do: 'destroy' });
  });

  test('closed while the issue was being read destroys', () => {
    expect(step({ type: 'opening' }, onPullRequest('closed'), opened)).toEqual({ do: 'destroy' });
    expect(
      step({ type: 'opening' }, onPullRequest('closed'), onPullRequest('reopened'), opened),
    ).toEqual({ do: 'launch' });
  });

  test('reopened while destroying begins another life, and after that the events are known', () => {
    const events = [
      opened,
      launched,
      done(),
      frozen,
      onPullRequest('closed'),
      { type: 'destroying' },
    ] as const;
    const state = after(...events, onPullRequest('reopened'), { type: 'destroyed' });
    expect(nextStep(state, debounceMs)).toEqual({ do: 'begin-again', cause: 'reopened' });
  });
});

describe('the issue', () => {
  test('closed while queued is cancelled', () => {
    expect(step(opened, onIssue('closed'))).toEqual({ do: 'destroy' });
  });

  test('closed later changes nothing', () => {
    expect(step(opened, launched, onIssue('closed'))).toEqual({ do: 'watch' });
    expect(step(opened, launched, done(), frozen, onIssue('closed')).do).toBe('wait');
  });

  test('closed while it is being read is read again', () => {
    const state = after({ type: 'opening' }, onIssue('closed'), opened);
    expect(state.recheck).toBe(true);
  });

  test('labelled or assigned while destroying asks for another life: the forge says whether it is a target', () => {
    for (const action of ['labelled', 'assigned'] as const) {
      const state = after(opened, { type: 'destroying' }, onIssue(action), { type: 'destroyed' });
      expect(nextStep(state, debounceMs)).toEqual({ do: 'begin-again', cause: 'target' });
    }
    const edited = after(opened, { type: 'destroying' }, onIssue('edited'), { type: 'destroyed' });
    expect(nextStep(edited, debounceMs)).toEqual({ do: 'finish' });
  });

  test('reopened while destroying begins another life', () => {
    const state = after(opened, { type: 'destroying' }, onIssue('reopened'), { type: 'destroyed' });
    expect(nextStep(state, debounceMs)).toEqual({ do: 'begin-again', cause: 'reopened' });
  });

  test('edited changes nothing but the sequence number', () => {
    const base = after(opened, launched);
    expect(reduce(base, onIssue('edited'), 9)).toEqual({ ...base, lastSequence: sequence });
  });
});

describe('a label or an assignee that may have changed', () => {
  const away: StateEvent = { type: 'target-checked', targeted: false, closedCounts: false };
  const back: StateEvent = { type: 'target-checked', targeted: true, closedCounts: false };

  test('is asked for on the forge', () => {
    expect(after(opened, onIssue('labelled')).recheck).toBe(true);
    expect(after(opened, launched, onIssue('labelled')).recheck).toBe(true);
  });

  test('gone while queued cancels', () => {
    expect(step(opened, onIssue('labelled'), away)).toEqual({ do: 'destroy' });
  });

  test('gone while running freezes, and nothing resumes until it is back', () => {
    expect(mustEnd(after(opened, launched, away))).toBe(true);
    const held = [opened, launched, away, ended('cancelled'), frozen, comment()] as const;
    expect(step(...held)).toEqual({ do: 'wait', until: undefined });
    expect(refusal(after(...held), 'resume')).toContain('put it back first');
    expect(step(...held, back)).toEqual({ do: 'resume' });
  });

  test('gone while frozen and back again starts nothing', () => {
    const idle = [opened, launched, done(), frozen] as const;
    expect(step(...idle, away, back)).toEqual({ do: 'wait', until: undefined });
  });

  test('is judged again when something began to run meanwhile', () => {
    const closed = { ...away, closedCounts: true } as StateEvent;
    const state = after(opened, launched, closed);
    expect(state).toMatchObject({ held: false, recheck: true });
  });

  test('still there changes nothing', () => {
    expect(step(opened, launched, onIssue('labelled'), back)).toEqual({ do: 'watch' });
  });
});

describe('a launch that fails', () => {
  const failed: StateEvent = { type: 'launch-failed', run: 1, reason: 'no disk' };

  test('waits for a command or a new comment, and its number is used up', () => {
    expect(step(opened, comment(), failed)).toEqual({ do: 'wait', until: undefined });
    expect(after(opened, failed).run).toBe(1);
    expect(step(opened, failed, command('retry'))).toEqual({ do: 'resume' });
    expect(step(opened, failed, comment()).do).toBe('wait');
    expect(after(opened, failed, comment()).unreadSince).toBeDefined();
  });

  test('of a first run is queued again, not resumed', () => {
    expect(after(opened, failed, command('retry'), { type: 'resuming' }).phase).toBe('queued');
  });

  test('and is given up with the issue when nothing ever ran', () => {
    expect(step(opened, failed, onIssue('closed'))).toEqual({ do: 'destroy' });
  });
});

describe('a run that met the limit of its model provider', () => {
  const reset = 600_000;
  const parked = [opened, launched, ended('parked', { parkedUntil: reset }, 7), frozen] as const;
  const atReset = { do: 'wait', until: reset + 3_000 } as const;
  const away: StateEvent = { type: 'target-checked', targeted: false, closedCounts: false };
  const back: StateEvent = { type: 'target-checked', targeted: true, closedCounts: false };

  test('is frozen and parked until the reset', () => {
    expect(step(...parked.slice(0, 3))).toEqual({ do: 'freeze' });
    expect(after(...parked).phase).toBe('parked');
    expect(parkedUntil(after(...parked))).toBe(reset);
    expect(step(...parked)).toEqual(atReset);
    expect(after(...parked).timeline.at(-1)?.text).toBe('parked until 00:10 UTC');
  });

  test('goes on with the reason', () => {
    const state = after(...parked, { type: 'resuming' });
    expect(state).toMatchObject({
      phase: 'resuming',
      runCause: "the model provider's limit has been reset",
    });
    expect(parkedUntil(state)).toBeUndefined();
  });

  test('is not woken by comments, and keeps them for the run after the reset', () => {
    expect(step(...parked, comment())).toEqual(atReset);
    const state = after(...parked, comment(), { type: 'resuming' });
    expect(state.unread).toHaveLength(1);
    expect(state.runCause).toBe("the model provider's limit has been reset");
  });

  test('does not wait when a person says so', () => {
    for (const name of ['resume', 'retry'] as const) {
      expect(step(...parked, command(name))).toEqual({ do: 'resume' });
      const state = after(...parked, command(name), { type: 'resuming' });
      expect(state.runCause).toBe(`bob asked to ${name}`);
    }
    expect(step(...parked, command('destroy'))).toEqual({ do: 'destroy' });
  });

  test('is destroyed with its pull request', () => {
    expect(step(...parked, onPullRequest('closed', true))).toEqual({ do: 'destroy' });
  });

  test('waits for its label too, and with the label back for the reset', () => {
    expect(step(...parked, away)).toEqual({ do: 'wait', until: undefined });
    expect(step(...parked, away, back)).toEqual(atReset);
  });

  test('waits for the reset also when the label was away while it ended', () => {
    const [open, launch, end] = parked;
    expect(step(open, launch, away, end, frozen, back)).toEqual(atReset);
    expect(step(open, launch, away, end, back, frozen)).toEqual(atReset);
  });

  test('stays frozen when a person had asked for that', () => {
    const [open, launch, end] = parked;
    const state = after(open, launch, command('freeze'), end, frozen);
    expect(state.phase).toBe('frozen');
    expect(nextStep(state, debounceMs)).toEqual({ do: 'wait', until: undefined });
  });

  test.each<[string, number | undefined]>([
    ['not known', undefined],
    ['over', 1_500],
    ['no time at all', Number.NaN],
    ['further away than any limit', 32 * 86_400_000],
  ])('is frozen like any other when the reset is %s', (_, until) => {
    const details = until === undefined ? {} : { parkedUntil: until };
    const state = after(opened, launched, ended('parked', details), frozen);
    expect(state.phase).toBe('frozen');
    expect(needsReport(state)).toBe(true);
    expect(nextStep(reduce(state, comment(), 9_000), debounceMs)).toEqual({
      do: 'wait',
      until: 9_000 + debounceMs,
    });
  });

  test('may meet it again, and is parked again', () => {
    const again = ended('parked', { parkedUntil: 2 * reset }, 7);
    const state = after(...parked, { type: 'resuming' }, launched, again, frozen);
    expect(parkedUntil(state)).toBe(2 * reset);
    expect(needsReport(state)).toBe(true);
  });

  test('leaves nothing behind for a run that ends otherwise', () => {
    const state = after(...parked, { type: 'resuming' }, launched, done(), frozen);
    expect(state.phase).toBe('frozen');
    expect(parkedUntil(state)).toBeUndefined();
  });
});

describe('a run whose budget is used up', () => {
  test('is frozen, and goes on by a comment or a command', () => {
    const spent = [opened, launched, ended('budget', {}, 7), frozen] as const;
    expect(after(...spent).phase).toBe('frozen');
    expect(step(...spent)).toEqual({ do: 'wait', until: undefined });
    expect(step(...spent, command('resume'))).toEqual({ do: 'resume' });
    expect(step(...spent, comment())).toMatchObject({ do: 'wait', until: expect.any(Number) });
  });
});

describe('people are told', () => {
  const told = (event: StateEvent) => needsReport(after(opened, launched, event, frozen));

  test.each<[string, StateEvent, boolean]>([
    ['nothing of real success', done(), false],
    [
      'of success without a pull request',
      ended('done', { done: { status: 'success', summary: '' } }),
      true,
    ],
    ['of partial success', ended('done', { done: { status: 'partial', summary: '' } }, 7), true],
    [
      'of an agent that failed',
      ended('done', { done: { status: 'failed', summary: '' } }, 7),
      true,
    ],
    [
      'of an agent that is blocked',
      ended('done', { done: { status: 'blocked', summary: '' } }, 7),
      true,
    ],
    ['of an exit with a code', ended('exited', { exitCode: 3 }, 7), true],
    ['of an exit without a pull request', ended('exited', { exitCode: 0 }), true],
    ['nothing of a quiet exit with a pull request', ended('exited', { exitCode: 0 }, 7), false],
    [
      'of a program that failed, whatever its code',
      ended('exited', { exitCode: 0, failed: true }, 7),
      true,
    ],
    [
      'nothing of a program that failed when all was done',
      ended('done', { done: { status: 'success', summary: '' }, failed: true }, 7),
      false,
    ],
    ['of a budget that is used up', ended('budget', {}, 7), true],
    ["of a provider's limit", ended('parked', { parkedUntil: 600_000 }, 7), true],
    ['of the watchdog', ended('watchdog', {}, 7), true],
    ['of the deadline', ended('deadline', {}, 7), true],
    ['of a lost run', ended('lost', {}, 7), true],
    ['of a run that was cancelled though nobody asked', ended('cancelled', {}, 7), true],
  ])('%s', (_, event, expected) => {
    expect(told(event)).toBe(expected);
  });
});

test('people are not told of what they asked for themselves', () => {
  expect(needsReport(after(opened, launched, command('freeze'), ended('cancelled')))).toBe(false);
});

describe('commands', () => {
  const states = {
    queued: after(opened),
    running: after(opened, launched),
    freezing: after(opened, launched, done()),
    frozen: after(opened, launched, done(), frozen),
    parked: after(opened, launched, ended('parked', { parkedUntil: 600_000 }), frozen),
    resuming: after(opened, launched, done(), frozen, { type: 'resuming' }),
    failed: after(opened, { type: 'launch-failed', run: 1, reason: 'x' }),
    destroying: after(opened, { type: 'destroying' }),
  };
  const accepted: Record<string, readonly string[]> = {
    freeze: ['running', 'resuming'],
    resume: ['frozen', 'parked', 'failed'],
    retry: ['frozen', 'parked', 'failed', 'destroying'],
    destroy: ['queued', 'running', 'freezing', 'frozen', 'parked', 'resuming', 'failed'],
    extend: ['running'],
  };

  for (const name of ['freeze', 'resume', 'retry', 'destroy', 'extend'] as const) {
    test(`${name} is accepted while ${accepted[name]?.join(', ')}, and refused with the reason else`, () => {
      for (const [phase, state] of Object.entries(states)) {
        const reason = refusal(state, name);
        expect([phase, reason === undefined]).toEqual([phase, accepted[name]?.includes(phase)]);
      }
    });
  }

  test('that came with a delivery is done once, and accepted again whatever has become of it', () => {
    const byMs = 5_000;
    const numbered = { by: 'bob', sequence: ++sequence };
    const event: StateEvent = { type: 'extended', byMs, ...numbered };
    const extended = reduce(states.running, event, 1);
    expect(reduce(extended, event, 2)).toBe(extended);
    const asked: StateEvent = {
      type: 'command',
      command: 'freeze',
      by: 'bob',
      sequence: ++sequence,
    };
    const stopped = reduce(reduce(states.running, asked, 1), ended('cancelled'), 2);
    expect(refusal(stopped, 'freeze')).toBeDefined();
    expect(refusal(stopped, 'freeze', sequence)).toBeUndefined();
    expect(reduce(stopped, asked, 3)).toBe(stopped);
  });

  test('freeze gives up a place that a run waits for', () => {
    const state = reduce(states.resuming, command('freeze'), 1);
    expect(mustEnd(state)).toBe(true);
    const given = reduce(state, { type: 'launch-cancelled', run: 2 }, 2);
    expect(nextStep(given, debounceMs)).toEqual({ do: 'wait', until: undefined });
  });

  test('extend moves the deadline', () => {
    const before = states.running.running?.deadlineAt ?? 0;
    const state = reduce(states.running, { type: 'extended', by: 'bob', byMs: 5_000 }, 1);
    expect(state.running?.deadlineAt).toBe(before + 5_000);
  });

  test('retry while destroying begins another life', () => {
    const state = reduce(reduce(states.destroying, command('retry'), 1), { type: 'destroyed' }, 2);
    expect(nextStep(state, debounceMs)).toEqual({ do: 'begin-again', cause: 'retry' });
  });
});

describe('a life that must be approved', () => {
  const unapproved: StateEvent = { ...opened, awaitsApproval: true };

  test('waits while it is queued, whatever is said, and launches when somebody approves', () => {
    const waiting = after(unapproved, comment(), onIssue('edited'));
    expect(nextStep(waiting, debounceMs)).toEqual({ do: 'await-approval' });
    expect(refusal(waiting, 'retry')).toMatch(/waits for `approve`/);
    expect(refusal(waiting, 'freeze')).toBeDefined();
    expect(refusal(waiting, 'approve')).toBeUndefined();
    const approved = reduce(waiting, command('approve'), 1);
    expect(nextStep(approved, debounceMs)).toEqual({ do: 'launch' });
    expect(approved.timeline.at(-1)?.text).toBe('bob approved');
    expect(refusal(approved, 'approve')).toMatch(/nothing waits for approval/);
    expect(refusal(beginState(issue, 0), 'approve')).toMatch(/still being read/);
  });

  test('is cancelled when it is untargeted, closed or destroyed meanwhile', () => {
    const away: StateEvent = { type: 'target-checked', targeted: false, closedCounts: true };
    for (const event of [away, onIssue('closed'), command('destroy')]) {
      expect(step(unapproved, event)).toEqual({ do: 'destroy' });
    }
  });

  test('needs no approval for what comes after its first launch', () => {
    const failed: StateEvent = { type: 'launch-failed', run: 1, reason: 'no disk' };
    const again = after(unapproved, command('approve'), failed, command('retry'), {
      type: 'resuming',
    });
    expect(nextStep(again, debounceMs)).toEqual({ do: 'launch' });
  });
});

describe('signal_done', () => {
  const signal = (run: number): StateEvent => ({
    type: 'signal_done',
    event: { run, status: 'success', summary: '' },
  });

  test('is noted once, for the current run only', () => {
    const state = after(opened, launched, signal(1));
    expect(state.running?.done).toBe(true);
    expect(reduce(state, signal(1), 9)).toBe(state);
    const other = after(opened, launched);
    expect(reduce(other, signal(2), 9)).toBe(other);
  });
});

test('whatever happens in whatever order, the state stays plain JSON and a step can be found', () => {
  const any = fc.constantFrom<() => StateEvent>(
    () => opened,
    () => launched,
    () => done(),
    () => ended('parked', { parkedUntil: 600_000 }),
    () => frozen,
    () => ({ type: 'resuming' }),
    () => ({ type: 'launch-failed', run: 1, reason: 'x' }),
    () => ({ type: 'launch-cancelled', run: 1 }),
    () => ({ type: 'target-checked', targeted: false, closedCounts: false }),
    () => ({ type: 'target-checked', targeted: true, closedCounts: false }),
    () => onIssue('labelled'),
    () => onIssue('closed'),
    () => onIssue('reopened'),
    () => onPullRequest('closed'),
    () => onPullRequest('reopened'),
    () => comment(),
    () => ({ ...opened, awaitsApproval: true }),
    () => command('approve'),
    () => command('freeze'),
    () => command('resume'),
    () => command('destroy'),
    () => command('retry'),
  );
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (makers) => {
      const state = after(...makers.map((make) => make()));
      // What is undefined is left out by JSON, which a carried state may do without.
      expect(JSON.parse(JSON.stringify(state))).toEqual(withoutUndefined(state));
      expect(nextStep(state, debounceMs).do).toBeDefined();
      expect(state.timeline.length).toBeLessThanOrEqual(200);
    }),
  );
});

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutUndefined);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutUndefined(inner)]));
}
