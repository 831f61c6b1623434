import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TerminalFilter } from '../../src/cli/terminal-filter.ts';

const escape = '\u001b';

function shown(...pieces: string[]): string {
  const filter = new TerminalFilter();
  return pieces.map((piece) => filter.pass(piece)).join('');
}

describe("an agent's output on a terminal", () => {
  test.each([
    ['plain\ttext\r\n', 'plain\ttext\r\n'],
    [`${escape}[1;31mred${escape}[0m`, `${escape}[1;31mred${escape}[0m`],
    [`a${escape}[2Jb`, 'ab'],
    [`a${escape}[10;10Hb`, 'ab'],
    [`a${escape}]0;title\u0007b`, 'ab'],
    [`a${escape}]52;c;ZXZpbA==${escape}\\b`, 'ab'],
    [`a${escape}P$q"p${escape}\\b`, 'ab'],
    [`a${escape}cb`, 'ab'],
    [`a${escape}(0b`, 'ab'],
    [`a\u009b2Jb`, 'ab'],
    ['a\u0007\u0008b', 'ab'],
    [`a${escape}[?1049hb`, 'ab'],
  ])('%j is shown as %j', (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  test('a sequence is recognised wherever the pieces are cut', () => {
    const text = `1${escape}[2J2${escape}[32m3${escape}]0;title${escape}\\4\u009b5H5${escape}(06`;
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const ends = [...new Set([...cuts, text.length])].toSorted((a, b) => a - b);
        const pieces = ends.map((end, index) => text.slice(ends[index - 1] ?? 0, end));
        expect(shown(...pieces)).toBe(`12${escape}[32m3456`);
      }),
    );
  });

  test('text that follows an unfinished sequence is not held back for ever', () => {
    expect(shown(`a${escape}]`, 'x'.repeat(5000), '\nb')).toMatch(/b$/);
  });
});
