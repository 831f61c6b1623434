import { describe, expect, test } from 'vitest';
import type { Issue } from '../../src/domain/issue.ts';
import { judgeTarget } from '../../src/domain/targeting.ts';

const agents = new Map([
  ['implementer', { bottle: 'default' }],
  ['drifter', { bottle: undefined }],
  ['lost', { bottle: 'gone' }],
]);
const bottles = new Set(['default', 'big']);
const members = new Set(['bot']);

function judge(change: Partial<Issue> = {}) {
  const issue: Issue = {
    number: 1,
    title: 'A task',
    body: '',
    state: 'open',
    url: 'http://forge/acme/widgets/issues/1',
    author: 'alice',
    labels: ['bug', 'bot-bottle:implementer'],
    assignees: ['alice', 'bot'],
    ...change,
  };
  return judgeTarget(issue, members, agents, bottles);
}

describe('an issue is a target', () => {
  test('when it is open, has one agent label, and one of its assignees is a member of the org', () => {
    expect(judge()).toEqual({ verdict: 'target', agent: 'implementer', bottle: 'default' });
  });

  test('in the bottle that its own label names, also where the agent names none', () => {
    const labels = ['bot-bottle:drifter', 'bot-bottle-bottle:big'];
    expect(judge({ labels })).toEqual({ verdict: 'target', agent: 'drifter', bottle: 'big' });
  });

  test('when the forge lists a label twice', () => {
    const labels = ['bot-bottle:implementer', 'bot-bottle:implementer'];
    expect(judge({ labels }).verdict).toBe('target');
  });
});

describe('an issue asks for nothing', () => {
  test.each<[string, Partial<Issue>]>([
    ['when it is closed', { state: 'closed' }],
    ['without an agent label', { labels: ['bug'] }],
    ['with a bottle label alone', { labels: ['bot-bottle-bottle:big'] }],
    ['without an assignee', { assignees: [] }],
    ['when no assignee is a member of the org', { assignees: ['alice', 'mallory'] }],
  ])('%s', (_, change) => {
    expect(judge(change).verdict).toBe('untargeted');
  });

  test('of its outsiders: two agent labels without a member are not worth a comment', () => {
    const labels = ['bot-bottle:implementer', 'bot-bottle:drifter'];
    expect(judge({ labels, assignees: ['mallory'] }).verdict).toBe('untargeted');
  });
});

describe('an issue asks for what cannot be done, and is told what and how to fix it', () => {
  test.each<[string, string[], string, string]>([
    [
      'two agent labels',
      ['bot-bottle:implementer', 'bot-bottle:drifter'],
      '2 agent labels: `bot-bottle:implementer`, `bot-bottle:drifter`',
      'Leave exactly one',
    ],
    [
      'two bottle labels',
      ['bot-bottle:implementer', 'bot-bottle-bottle:big', 'bot-bottle-bottle:default'],
      '2 bottle labels',
      'Leave at most one',
    ],
    [
      'an unknown agent',
      ['bot-bottle:nobody'],
      'no agent `nobody`',
      'Known agents: `drifter`, `implementer`, `lost`.',
    ],
    ['an agent label without a name', ['bot-bottle:'], 'no agent ``', 'Known agents'],
    ['an agent without a bottle', ['bot-bottle:drifter'], 'names no bottle', 'bot-bottle-bottle:'],
    ['a bottle that is gone', ['bot-bottle:lost'], 'no bottle `gone`', 'Known bottles: `big`'],
  ])('%s', (_, labels, problem, fix) => {
    const judged = judge({ labels });
    expect(judged).toMatchObject({ verdict: 'invalid' });
    expect(judged).toHaveProperty('problem', expect.stringContaining(problem));
    expect(judged).toHaveProperty('fix', expect.stringContaining(fix));
  });
});
