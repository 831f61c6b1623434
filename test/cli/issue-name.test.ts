import { describe, expect, test } from 'vitest';
import { CliError } from '../../src/cli/cli-error.ts';
import { readIssueName, readIssueWord } from '../../src/cli/issue-name.ts';

describe('an issue is named by', () => {
  test.each([
    'acme/rocket.js#12',
    'https://gitea.example/acme/rocket.js/issues/12',
    'http://localhost:3000/git/acme/rocket.js/issues/12/',
    'https://gitea.example/acme/rocket.js/issues/12?x=1#issuecomment-5',
  ])('%s', (text) => {
    expect(readIssueName(text)).toEqual({ owner: 'acme', repository: 'rocket.js', number: 12 });
  });

  test.each([
    '',
    'acme/rocket',
    'acme/rocket#0',
    'rocket#1',
    'acme/rocket#1; rm -rf /',
    'https://gitea.example/acme/rocket/pulls/12',
    'ftp://gitea.example/acme/rocket/issues/12',
    'https://gitea.example/a%20b/rocket/issues/12',
  ])('but not by %j', (text) => {
    expect(() => readIssueName(text)).toThrow(CliError);
  });
});

test.each([
  ['12', 12],
  ['#12', 12],
  ['acme/rocket#12', { owner: 'acme', repository: 'rocket', number: 12 }],
])('on the command line %j is %j', (text, word) => {
  expect(readIssueWord(text)).toEqual(word);
});
