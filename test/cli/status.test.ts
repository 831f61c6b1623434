import { describe, expect, test } from 'vitest';
import type { IssueView } from '../../src/api/views/issue.ts';
import { formatStatus, leaveOutFinished } from '../../src/cli/status.ts';

const now = Date.UTC(2026, 0, 1, 12);

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
    expect(formatStatus([issue()], undefined, now)).toBe(
      [
        'ISSUE          AGENT        PHASE    SINCE  CHECK-IN  PR         SLUG',
        'acme/rocket#3  implementer  running  2h 5m  12s ago   #4 merged  acme-rocket-3-1a2b3c4d',
      ].join('\n'),
    );
  });

  test.each([80, 100, 120, 200])('fits %i columns, however long the names', (width) => {
    const lines = formatStatus([issue(), long], width, now).split('\n');
    for (const line of lines) {
      expect(line.length, line).toBeLessThanOrEqual(width);
    }
    expect(lines).toHaveLength(3);
    // What tells rows apart stays: the issue's number, the slug's hash, the phase.
    expect(lines[2]).toMatch(/#12345 .* destroying .*99aabbcc$/);
    expect(lines[1]).toMatch(/acme\/rocket#3 .* running .*1a2b3c4d$/);
  });

  test('says until when an issue is parked, where there is room', () => {
    const parkedFor = (hours: number) =>
      issue({ phase: 'parked', parkedUntil: new Date(now + hours * 3_600_000).toISOString() });
    const parked = parkedFor(2);
    expect(formatStatus([parked], 100, now)).toMatch(/ {2}parked until \d\d:\d\d {2}/);
    expect(formatStatus([parkedFor(50)], 100, now)).toMatch(
      / {2}parked until 01-0\d \d\d:\d\d {2}/,
    );
    for (const line of formatStatus([parked, long], 80, now).split('\n')) {
      expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  test('nothing is cut where the output is no terminal', () => {
    expect(formatStatus([long], undefined, now)).toContain(long.slug);
  });

  test('below it stands what needs a person, as one line each and without control characters', () => {
    const attention = 'run 1 was silent\nfor 30m\u001b[2J\u202e';
    expect(
      formatStatus([issue({ attention })], undefined, now)
        .split('\n')
        .slice(2),
    ).toEqual(['', 'Needs attention', 'acme/rocket#3  run 1 was silent for 30m[2J']);
  });

  test('without an issue it says how one is taken up', () => {
    expect(formatStatus([], 80, now)).toMatch(/^No issues\. .*bot-bottle:<agent>/);
  });
});

test('issues are left out a day after they were destroyed, and no others', () => {
  const long = '2025-12-30T00:00:00.000Z';
  const kept = [issue(), issue({ phase: 'frozen', since: long }), issue({ phase: 'destroyed' })];
  const finished = issue({ phase: 'destroyed', since: long });
  expect(leaveOutFinished([finished, ...kept], now)).toEqual(kept);
});
