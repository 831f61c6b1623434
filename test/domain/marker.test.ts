import { describe, expect, test } from 'vitest';
import { commentMarker, findMarker } from '../../src/domain/marker.ts';

const key = { slug: 'acme-widgets-7-0123abcd', run: 2, digest: 'f00d' };

describe('the marker of our comments', () => {
  test('is invisible in rendered Markdown and found again', () => {
    const body = `Done.\n\n${commentMarker(key)}`;
    expect(body).toMatch(/<!-- .* -->$/);
    expect(findMarker(body)).toEqual(key);
  });

  test('is found when the forge changed the white space around it', () => {
    expect(findMarker(`Done.\r\n\r\n${commentMarker(key)}\r\n`)).toEqual(key);
  });

  test.each([
    ['a comment without one', 'Done.'],
    ['a quoted comment', `> Done.\n>\n> ${commentMarker(key)}\n\nNo, it is not.`],
    ['a quotation at the end', `As it said:\n> ${commentMarker(key)}`],
    ['one further up', `${commentMarker(key)}\nAnd another thing.`],
    ['a look-alike', '<!-- bot-bottle:slug:one:digest -->'],
  ])('is not found in %s', (_, body) => {
    expect(findMarker(body)).toBeUndefined();
  });

  test('only the last one counts', () => {
    const other = { ...key, digest: 'cafe' };
    expect(findMarker(`${commentMarker(other)}\n${commentMarker(key)}`)).toEqual(key);
  });

  test('refuses a key that would break out of the comment', () => {
    expect(() => commentMarker({ ...key, digest: '--> <b>' })).toThrow(TypeError);
    expect(() => commentMarker({ ...key, digest: '' })).toThrow(TypeError);
  });
});
