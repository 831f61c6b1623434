import { describe, expect, test } from 'vitest';
import { parseAdvertisement } from '../../src/bottles/advertised-refs.ts';

const line = (text: string): string => (text.length + 4).toString(16).padStart(4, '0') + text;
const id = (digit: string): string => digit.repeat(40);
const parse = (...parts: string[]) => parseAdvertisement(Buffer.from(parts.join('')));
const begin = [line('# service=git-upload-pack\n'), '0000'];

describe('what a forge advertises', () => {
  test('is its branches and tags, not where HEAD and annotated tags point to', () => {
    const refs = parse(
      ...begin,
      line(`${id('a')} HEAD\0multi_ack symref=HEAD:refs/heads/main\n`),
      line(`${id('a')} refs/heads/main\n`),
      line(`${id('b')} refs/pull/1/head\n`),
      line(`${id('c')} refs/tags/v1\n`),
      line(`${id('d')} refs/tags/v1^{}\n`),
      '0000',
    );
    expect(refs).toEqual(
      new Map([
        ['refs/heads/main', id('a')],
        ['refs/tags/v1', id('c')],
      ]),
    );
  });

  test('is nothing for an empty repository', () => {
    const capabilities = line(`${id('0')} capabilities^{}\0agent=git\n`);
    expect(parse(...begin, capabilities, '0000')).toEqual(new Map());
  });

  test.each([
    ['that was torn', [...begin, line(`${id('a')} refs/heads/main\n`)]],
    ['that was torn in a line', [...begin, line(`${id('a')} refs/heads/main\n`).slice(0, 20)]],
    ['of another service', [line('# service=git-receive-pack\n'), '0000', '0000']],
    ['that is a page', ['<html>Sign in</html>']],
    ['without a byte', ['']],
  ])('is not known from an answer %s', (_, parts) => {
    expect(parse(...parts)).toBeUndefined();
  });
});
