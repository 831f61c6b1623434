import { describe, expect, test } from 'vitest';
import { readDemoText } from '../../src/demo/demo-language.ts';

const append = (text: string, file: string) => ({ kind: 'append', text, file });
const create = (text: string, file: string) => ({ kind: 'create', text, file });
const replace = (from: string, to: string, file: string) => ({ kind: 'replace', from, to, file });
const remove = (file: string) => ({ kind: 'delete', file });

describe('the demo agent understands', () => {
  test.each([
    ['append hello to README.md', append('hello', 'README.md')],
    ['Append "hello, world" to README.md.', append('hello, world', 'README.md')],
    ['append `hello` to `README.md`', append('hello', 'README.md')],
    ['Append “hello” to the end of the file notes/a.txt!', append('hello', 'notes/a.txt')],
    ["please APPEND the line 'it works' to docs.md", append('it works', 'docs.md')],
    ['Please, append the line it works to docs.md', append('it works', 'docs.md')],
    ['append line 1 to docs.md', append('line 1', 'docs.md')],
    ['add a line "x" to "my notes.txt"', append('x', 'my notes.txt')],
    ["append it's done to log.txt", append("it's done", 'log.txt')],
    ['append from here to there to way.txt', append('from here to there', 'way.txt')],
    ['append He said "hi" to a.txt', append('He said "hi"', 'a.txt')],
    ['- append hello to a.txt', append('hello', 'a.txt')],
    ['* [ ] append hello to a.txt', append('hello', 'a.txt')],
    ['3. append hello to a.txt', append('hello', 'a.txt')],
    ['Could you append hello to a.txt?', append('hello', 'a.txt')],
    ['append hello to a.txt, please!', append('hello', 'a.txt')],
    ['append $(id) to a.txt', append('$(id)', 'a.txt')],
    ['append ä ö 你好 🎉 to ü.txt', append('ä ö 你好 🎉', 'ü.txt')],
    ['create hello.txt with Hello, world.', create('Hello, world.', 'hello.txt')],
    ['create hello.txt with "Hello, world."', create('Hello, world.', 'hello.txt')],
    ['Create a new file called src/x.js with the text `let x;`', create('let x;', 'src/x.js')],
    ['create file x.txt containing y', create('y', 'x.txt')],
    ['add a file x.txt with y', create('y', 'x.txt')],
    ['create an empty file x.txt', create('', 'x.txt')],
    ['create x.txt', create('', 'x.txt')],
    ['make a file Makefile', create('', 'Makefile')],
    ['create Makefile with all:', create('all:', 'Makefile')],
    ['add the line hello to a', append('hello', 'a')],
    ['replace foo with bar in a.txt', replace('foo', 'bar', 'a.txt')],
    ['Replace "foo bar" by "" in the file a.txt.', replace('foo bar', '', 'a.txt')],
    ['change red to blue in colours.css', replace('red', 'blue', 'colours.css')],
    ['In a.txt, replace foo with bar', replace('foo', 'bar', 'a.txt')],
    ['delete old.txt', remove('old.txt')],
    ['remove the file `old.txt`.', remove('old.txt')],
    ['say hello to everybody', { kind: 'say', text: 'hello to everybody' }],
    ['wait 10 seconds', { kind: 'wait', seconds: 10 }],
    ['Wait for 0.5 s.', { kind: 'wait', seconds: 0.5 }],
    ['stay silent', { kind: 'stay-silent', seconds: undefined }],
    ['stay silent for 20 seconds', { kind: 'stay-silent', seconds: 20 }],
    ['exit with 3', { kind: 'exit', code: 3 }],
    ['exit with code 255.', { kind: 'exit', code: 255 }],
    ['ignore SIGTERM', { kind: 'ignore-term' }],
    ['report blocked', { kind: 'report', status: 'blocked' }],
  ])('%s', (text, command) => {
    expect(readDemoText(text)).toEqual({ commands: [command], notUnderstood: [] });
  });

  test.each([
    [
      'append a to x.txt. Then create y.txt with b; delete z.txt, and say done',
      [append('a', 'x.txt'), create('b', 'y.txt'), remove('z.txt'), { kind: 'say', text: 'done' }],
    ],
    [
      'Append "one. Append two to b" to a.txt and append three to b.txt.',
      [append('one. Append two to b', 'a.txt'), append('three', 'b.txt')],
    ],
    ['append wash and create things to notes.md', [append('wash and create things', 'notes.md')]],
    [
      'Hi there!\n\n1. append a to x.txt\n2. append b to x.txt\n\nThanks a lot!',
      [append('a', 'x.txt'), append('b', 'x.txt')],
    ],
    ['```\nappend a to x.txt\ndelete y.txt\n```', [append('a', 'x.txt'), remove('y.txt')]],
    [
      'Create run.sh with:\n\n```sh\n#!/bin/sh\necho "hi"\n```\nappend b to x.txt',
      [create('#!/bin/sh\necho "hi"', 'run.sh'), append('b', 'x.txt')],
    ],
    ['append a to x.txt\r\nappend b to x.txt', [append('a', 'x.txt'), append('b', 'x.txt')]],
    ['> append a to x.txt\n\n# Title\n\nappend b to x.txt', [append('b', 'x.txt')]],
    ['append b to x.txt\n\n<!-- delete x.txt -->', [append('b', 'x.txt')]],
  ])('several in one text: %#', (text, commands) => {
    expect(readDemoText(text)).toEqual({ commands, notUnderstood: [] });
  });
});

describe('the demo agent does not guess', () => {
  test.each([
    ['Make it faster'],
    ['Make it'],
    ['Create documentation'],
    ['Add tests to the parser'],
    ['append hello'],
    ['replace foo with bar'],
    ['exit with 256'],
    ['Refactor the "parser" in src/x.ts'],
    ['rm -rf /'],
  ])('%s', (text) => {
    expect(readDemoText(text)).toEqual({ commands: [], notUnderstood: [text] });
  });

  test('what is not understood stands beside what is', () => {
    expect(
      readDemoText('The README lacks a note. Append "MIT" to README.md. Rename a to b.'),
    ).toEqual({
      commands: [append('MIT', 'README.md')],
      notUnderstood: ['The README lacks a note', 'Rename a to b.'],
    });
  });

  test('an empty text asks for nothing', () => {
    expect(readDemoText(' \n\n')).toEqual({ commands: [], notUnderstood: [] });
  });

  test('a text of 1 MB is read in reasonable time', () => {
    const began = performance.now();
    readDemoText('append '.repeat(150_000));
    readDemoText('append x to y, and '.repeat(50_000));
    readDemoText(`"${'x " '.repeat(300_000)}`);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
