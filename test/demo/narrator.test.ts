import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { Narrator, oneLine } from '../../src/demo/narrator.ts';

function narrate(terminal: { readonly columns?: number } | undefined) {
  let written = '';
  const write = (text: string | Uint8Array): boolean => {
    written += String(text);
    return true;
  };
  const narrator = new Narrator({ write, ...(terminal && { isTTY: true, ...terminal }) });
  return { narrator, written: () => written };
}

const long = `${'word '.repeat(30)}end`;

test('a step begins with its time; its link is below it and whole', () => {
  const { narrator, written } = narrate(undefined);

  narrator.step(long, `http://${'x'.repeat(100)}`);

  expect(written()).toMatch(/^ {3}0\.0 s {2}(word )+end\n {10}http:\/\/x{100}\n$/);
});

test('a terminal gets lines that are broken at words, below each other', () => {
  const { narrator, written } = narrate({ columns: 80 });

  narrator.step(long);
  narrator.quote(long, 5);

  const lines = stripVTControlCharacters(written())
    .split(/[\r\n]+/)
    .filter((line) => line !== '');
  expect(lines).toHaveLength(6);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines.slice(1, 3).every((line) => line.startsWith(`${' '.repeat(10)}word`))).toBe(true);
  expect(lines.slice(3).every((line) => line.startsWith(`${' '.repeat(10)}| word`))).toBe(true);
});

test('a terminal sees what is waited for until it has come; elsewhere nothing is said', async () => {
  const terminal = narrate({ columns: 30 });
  const file = narrate(undefined);

  for (const { narrator } of [terminal, file]) {
    await narrator.during('waiting for something that takes long', Promise.resolve());
  }

  expect(stripVTControlCharacters(terminal.written())).toMatch(
    /0\.0 s {2}\| waiting for somet\s*$/,
  );
  expect(terminal.written().endsWith('\r\u001b[K')).toBe(true);
  expect(file.written()).toBe('');
});

test('of a long text the beginning is quoted', () => {
  const { narrator, written } = narrate(undefined);

  narrator.quote('one\ntwo\tand a half\nthree\nfour', 2);

  expect(
    written()
      .split('\n')
      .map((line) => line.trim()),
  ).toEqual(['| one', '| two and a half', '(2 more lines)', '']);
});

test('what others wrote cannot move the cursor', () => {
  expect(oneLine('a\u001b[2Jb\r\nc\u202e')).toBe('a [2Jb c');
});
