import { execFileSync } from 'node:child_process';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasBranch } from '../../src/bottles/has-branch.ts';

test('a branch is found loose and packed, and not once it is deleted; a directory of branches is none', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'branches-'));
  const git = (...args: string[]): void => {
    const author = ['-c', 'user.name=t', '-c', 'user.email=t@example.test'];
    execFileSync('git', ['-C', directory.path, ...author, ...args], { stdio: 'ignore' });
  };
  const repository = join(directory.path, '.git');
  git('init', '--initial-branch=main');
  expect(hasBranch(repository, 'main')).toBe(false);
  git('commit', '--allow-empty', '--message=first');
  git('branch', 'bot-bottle/issue-1');
  git('branch', 'bot-bottle/issue-10');
  const found = (): boolean[] =>
    ['main', 'bot-bottle/issue-1', 'bot-bottle', 'issue-1', 'bot-bottle/issue-2'].map((branch) =>
      hasBranch(repository, branch),
    );
  expect(found()).toEqual([true, true, false, false, false]);
  git('pack-refs', '--all');
  expect(found()).toEqual([true, true, false, false, false]);
  git('branch', '--delete', 'bot-bottle/issue-1');
  expect(hasBranch(repository, 'bot-bottle/issue-1')).toBe(false);
  expect(hasBranch(repository, 'bot-bottle/issue-10')).toBe(true);
});
