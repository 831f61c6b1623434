import { describe, expect, test } from 'vitest';
import { ForgeNotFoundError } from '../../../src/domain/errors.ts';
import { apiPath } from '../../../src/forges/gitea/api-path.ts';

describe('a path of the API', () => {
  test('holds every value as one segment', () => {
    const branch = 'bot-bottle/issue-1; rm -rf $HOME?x=1#y%2F';

    expect(apiPath`/repos/${'a'}/${'b.c'}/branches/${branch}/${7}`).toBe(
      '/repos/a/b.c/branches/bot-bottle%2Fissue-1%3B%20rm%20-rf%20%24HOME%3Fx%3D1%23y%252F/7',
    );
  });

  test.each(['', '.', '..'])('has no place for "%s", which a URL would fold away', (value) => {
    expect(() => apiPath`/orgs/bot-bottle/members/${value}`).toThrow(ForgeNotFoundError);
  });

  test('of three dots is only a strange name', () => {
    expect(apiPath`/users/${'...'}`).toBe('/users/...');
  });
});
