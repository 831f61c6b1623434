import { describe, expect, test } from 'vitest';
import type { IssueView } from '../../src/api/views/issue.ts';
import { changedIssues } from '../../src/cli/changed-issues.ts';
import type { Clock } from '../../src/cli/clock.ts';
import { formatChange, formatStatus, readFilter } from '../../src/cli/status.ts';

const now = Date.UTC(2026, 0, 1, 12);
const clock: Clock = { style: 'relative', now };

function issue(more: Partial<IssueView> = {}): IssueView {
  return {
    name: 'acme/rocket#3',
    owner: 'acme',
    repository: 'rocket',
    number: 3,
    title: 'Add a countdown',
    url: 'https://gitea.example/acme/rocket/issues/3',
    agent: 'implementer',
    bottles: ['node'],
    backend: 'local',
    branch: 'bot-bottle/issue-3',
    slug: 'acme-rocket-3-1a2b3c4d',
    life: 1,
    phase: 'running',
    status: 'running',
    since: '2026-01-01T09:55:00.000Z',
    parkedUntil: null,
    lastCheckinAt: '2026-01-01T11:59:48.000Z',
    run: 1,
    outcome: null,
    attention: null,
    pullRequest: { number: 4, url: 'https://gitea.example/acme/rocket/pulls/4', merged: true },
    ...more,
  };
}

const long = issue({
  name: 'engineering-platform/continuous-deployment-tools#12345',
  slug: 'engineering-platform-continuous-de-12345-99aabbcc',
  agent: 'senior-implementer',
  phase: 'destroying',
  lastCheckinAt: null,
  pullRequest: null,
});

describe('the table of status', () => {
  test('has issue, agent, phase, since, check-in, pull request and slug', () => {
    expect(formatStatus([issue()], undefined, clock)).toBe(
      [
        'ISSUE          AGENT        PHASE    SINCE  CHECK-IN  PR         SLUG',
        'acme/rocket#3  implementer  running  2h 5m  12s ago   #4 merged  acme-rocket-3-1a2b3c4d',
      ].join('\n'),
    );
  });

  test.each([80, 100, 120, 200])('fits %i columns, however long the names', (width) => {
    const lines = formatStatus([issue(), long], width, clock).split('\n');
    for (const line of lines) {
      expect(line.length, line).toBeLessThanOrEqual(width);
    }
    expect(lines).toHaveLength(3);
    // What tells rows apart stays: the issue's number, the slug's hash, the phase.
    expect(lines[2]).toMatch(/#12345 .* destroying .*99aabbcc$/);
    expect(lines[1]).toMatch(/acme\/rocket#3 .* running .*1a2b3c4d$/);
  });

  test('says how long an issue is parked, where there is room', () => {
    const parkedFor = (hours: number) =>
      issue({ phase: 'parked', parkedUntil: new Date(now + hours * 3_600_000).toISOString() });
    const parked = parkedFor(2);
    expect(formatStatus([parked], 100, clock)).toMatch(/ {2}parked for 2h more {2}/);
    expect(formatStatus([parkedFor(50)], 100, clock)).toMatch(/ {2}parked for 2d 2h more {2}/);
    for (const line of formatStatus([parked, long], 80, clock).split('\n')) {
      expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  test('has ISO times for who wants them', () => {
    const parked = issue({ phase: 'parked', parkedUntil: '2026-01-01T14:00:00.000Z' });
    expect(formatStatus([parked], undefined, { style: 'iso', now })).toMatch(
      / {2}parked until 2026-01-01T14:00:00Z {2}2026-01-01T09:55:00Z {2}2026-01-01T11:59:48Z {2}/,
    );
  });

  test('nothing is cut where the output is no terminal', () => {
    expect(formatStatus([long], undefined, clock)).toContain(long.slug);
  });

  test('below it stands what needs a person, as one line each and without control characters', () => {
    const attention = 'run 1 was silent\nfor 30m\u001b[2J\u202e';
    expect(
      formatStatus([issue({ attention })], undefined, clock)
        .split('\n')
        .slice(2),
    ).toEqual(['', 'Needs attention', 'acme/rocket#3  run 1 was silent for 30m[2J']);
  });

  test('without an issue it says how one is taken up', () => {
    expect(formatStatus([], 80, clock)).toMatch(/^No issues\. .*bot-bottle:<agent>/);
  });
});

describe('the filter', () => {
  const longAgo = '2025-12-30T00:00:00.000Z';
  const issues = [
    issue({ name: 'running' }),
    issue({ name: 'frozen', phase: 'frozen', since: longAgo, repository: 'lander' }),
    issue({ name: 'gone', phase: 'destroyed', since: new Date().toISOString() }),
    issue({ name: 'long gone', phase: 'destroyed', since: longAgo }),
  ];

  test.each<[Parameters<typeof readFilter>[0], string[]]>([
    [{}, ['running', 'frozen', 'gone']],
    [{ all: true }, ['running', 'frozen', 'gone', 'long gone']],
    [{ phase: ['frozen', 'parked'] }, ['frozen']],
    [{ phase: ['destroyed'] }, ['gone', 'long gone']],
    [{ repository: ['Acme/Lander'] }, ['frozen']],
    [{ repository: ['acme/rocket'], phase: ['frozen'] }, []],
  ])('%j lets %j pass', (options, passed) => {
    expect(issues.filter(readFilter(options)).map(({ name }) => name)).toEqual(passed);
  });
});

describe('what has changed', () => {
  const running = ({ phase }: IssueView) => phase === 'running';
  const before = [
    issue({ name: 'a' }),
    issue({ name: 'b' }),
    issue({ name: 'c', phase: 'frozen' }),
  ];

  test('is at the beginning all that matches', () => {
    expect(changedIssues(before, undefined, running)).toEqual(before.slice(0, 2));
  });

  test('is no check-in', () => {
    const later = before.map((one) => ({ ...one, lastCheckinAt: '2026-01-01T12:00:00.000Z' }));
    expect(changedIssues(later, before, running)).toEqual([]);
  });

  test('is also what matches no longer, once', () => {
    const frozen = issue({ name: 'a', phase: 'frozen' });
    const after = [frozen, issue({ name: 'b' }), issue({ name: 'c', phase: 'parked' })];
    expect(changedIssues(after, before, running)).toEqual([frozen]);
    expect(changedIssues(after, after, running)).toEqual([]);
  });

  test('is told as a line that begins with the time', () => {
    expect(formatChange(issue({ attention: 'silent\nfor 30m' }), now)).toBe(
      '2026-01-01T12:00:00Z  acme/rocket#3  running  run 1, #4 merged, silent for 30m',
    );
    expect(formatChange(issue({ phase: 'queued', run: 0, pullRequest: null }), now)).toBe(
      '2026-01-01T12:00:00Z  acme/rocket#3  queued',
    );
  });
});
