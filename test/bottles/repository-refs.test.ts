import { execFileSync } from 'node:child_process';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasBranch, readRefs } from '../../src/bottles/repository-refs.ts';

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

test('branches and tags are those that git names, loose and packed, and one that is half written is not known', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'refs-'));
  const git = (...args: string[]): string => {
    const author = ['-c', 'user.name=t', '-c', 'user.email=t@example.test'];
    return execFileSync('git', ['-C', directory.path, ...author, ...args], { encoding: 'utf8' });
  };
  const repository = join(directory.path, '.git');
  const expectSame = async (): Promise<void> => {
    const named = git(
      'for-each-ref',
      '--format=%(refname) %(objectname)',
      'refs/heads',
      'refs/tags',
    );
    const found = [...((await readRefs(repository)) ?? [])].map(([name, id]) => `${name} ${id}`);
    expect(found.toSorted()).toEqual(named.split('\n').filter(Boolean).toSorted());
  };
  git('init', '--quiet', '--initial-branch=main');
  await expectSame();
  git('commit', '--quiet', '--allow-empty', '--message=first');
  git('branch', 'topic/one');
  git('tag', '--annotate', '--message=v1', 'v1');
  await expectSame();
  git('pack-refs', '--all');
  git('commit', '--quiet', '--allow-empty', '--message=second');
  git('branch', 'topic/two');
  await writeFile(join(repository, 'refs/heads/main.lock'), '');
  await expectSame();
  await writeFile(join(repository, 'refs/heads/torn'), 'abc');
  expect(await readRefs(repository)).toBeUndefined();
});
