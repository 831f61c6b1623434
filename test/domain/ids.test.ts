import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bottleBranch,
  bottleSlug,
  issueOfBranch,
  issueWorkflowId,
  parseIssueName,
} from '../../src/domain/ids.ts';
import type { IssueRef } from '../../src/domain/issue.ts';

function issue(owner: string, name: string, number = 1): IssueRef {
  return { repository: { forgeHost: 'gitea.example:3000', id: 7, owner, name }, number };
}

test('the workflow of an issue is named after forge, repository and number', () => {
  expect(issueWorkflowId(issue('acme', 'widgets', 12))).toBe(
    'issue/gitea.example:3000/acme/widgets/12',
  );
});

describe('a slug', () => {
  test('is a readable prefix and eight hex digits', () => {
    expect(bottleSlug(issue('Acme', 'My_Widgets', 12), 'w', 'r')).toMatch(
      /^acme-my-widgets-12-[0-9a-f]{8}$/,
    );
  });

  test('is a file name, at most 49 characters long and ends in its number, whatever the repository is called', () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(name, name, fc.nat(2 ** 31), (owner, repository, number) => {
        const slug = bottleSlug(issue(owner, repository, number), 'w', 'r');
        expect(slug).toMatch(/^[a-z0-9]([a-z0-9-]{0,39})-[0-9a-f]{8}$/);
        expect(slug).toMatch(new RegExp(`(^|-)${number}-[0-9a-f]{8}$`));
      }),
    );
  });

  test('differs between lives of one issue and between issues', () => {
    const one = issue('acme', 'widgets');
    const slugs = Array.from({ length: 1_000 }, (_, n) => bottleSlug(one, 'w', `execution-${n}`));
    expect(new Set(slugs).size).toBe(1_000);
    expect(bottleSlug(one, 'w', 'r')).not.toBe(bottleSlug(one, 'w2', 'r'));
  });
});

describe('the branch of a life', () => {
  test('is named after the issue, from the second life after a merge on also after the life', () => {
    expect(bottleBranch(12, 1)).toBe('bot-bottle/issue-12');
    expect(bottleBranch(12, 3)).toBe('bot-bottle/issue-12-3');
  });

  test('leads back to its issue', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 999 }), (n, life) => {
        expect(issueOfBranch(bottleBranch(n, life))).toBe(n);
      }),
    );
  });

  test.each([
    'main',
    'bot-bottle/issue-',
    'bot-bottle/issue-0',
    'bot-bottle/issue-1x',
    'x/bot-bottle/issue-1',
    'bot-bottle/issue-1;id',
  ])('is not %s', (branch) => {
    expect(issueOfBranch(branch)).toBeUndefined();
  });
});

test('owner/repo#number is read, and nothing else', () => {
  expect(parseIssueName('acme/wid.gets#12')).toEqual({
    owner: 'acme',
    name: 'wid.gets',
    number: 12,
  });
  for (const text of ['acme#1', 'a/b#0', 'a/b#x', 'a/b/c#1', '']) {
    expect(parseIssueName(text)).toBeUndefined();
  }
});
