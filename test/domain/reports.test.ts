import { describe, expect, test } from 'vitest';
import { runReport, type RunReport } from '../../src/domain/reports.ts';

function report(change: Partial<RunReport>): string {
  return runReport({
    run: 2,
    outcome: 'exited',
    exitCode: 0,
    reason: undefined,
    done: undefined,
    failed: false,
    runBudget: {},
    issueBudget: {},
    parkedUntil: undefined,
    pullRequest: undefined,
    look: 'Look here.',
    ...change,
  });
}

describe('the comment about a run', () => {
  test('says how it ended, what happens next, and where to look', () => {
    expect(report({ exitCode: 3, pullRequest: 7 }).split('\n\n')).toEqual([
      '**Run 2: the agent exited with code 3 without saying that it was done.**',
      'The bottle is frozen with everything in it. A comment here starts another run in it. Closing the pull request destroys it.',
      'Look here.',
    ]);
  });

  test('that met a limit says when it goes on by itself', () => {
    const text = report({
      outcome: 'parked',
      exitCode: 1,
      reason: 'The limit of five hours is reached.',
      parkedUntil: Date.UTC(2026, 0, 2, 14, 32, 59),
    });
    expect(text).toContain("**Run 2: the model provider's limit is reached.**");
    expect(text).toContain('The limit of five hours is reached.');
    expect(text).toContain('goes on by itself at 2026-01-02 14:32 UTC');
    expect(text).toContain('`orchestrator resume`');
    expect(text).not.toContain('A comment here starts');
  });

  test('that met a limit without a known end says who starts the next run', () => {
    const text = report({ outcome: 'parked' });
    expect(text).toContain('is not known: a comment here, or `orchestrator resume`');
    expect(text).not.toContain('by itself');
  });

  test('that used up its budget says which there are, and that the manifest has them', () => {
    const text = report({
      outcome: 'budget',
      runBudget: { usd: 5 },
      issueBudget: { tokens: 9000 },
    });
    expect(text).toContain('budget is used up (a run has $5, the issue has 9000 tokens).');
    expect(text).toContain("Raise the budget in the agent's manifest");
    expect(text).toContain('`orchestrator resume`');
  });

  test('whose program failed does not speak of its exit code', () => {
    const text = report({ failed: true, reason: 'The API refused the key (401).' });
    expect(text).toContain("the agent's program failed.");
    expect(text).toContain('The API refused the key (401).');
    expect(text).not.toContain('code 0');
  });
});
