import { describe, expect, test } from 'vitest';
import { wantsColours, type ColourChoice } from '../../src/cli/terminal.ts';

describe('colours are wanted', () => {
  test.each<[boolean, ColourChoice, boolean, Record<string, string>]>([
    [true, 'auto', true, { TERM: 'xterm' }],
    [false, 'auto', false, { TERM: 'xterm', CI: 'true' }],
    [false, 'auto', true, { TERM: 'dumb' }],
    [false, 'auto', true, { NO_COLOR: '1' }],
    [true, 'auto', true, { NO_COLOR: '' }],
    [true, 'auto', false, { FORCE_COLOR: '1' }],
    [false, 'auto', true, { FORCE_COLOR: '0' }],
    [true, 'auto', true, { FORCE_COLOR: '1', NO_COLOR: '1' }],
    [true, 'always', false, { NO_COLOR: '1' }],
    [false, 'never', true, { FORCE_COLOR: '1' }],
  ])('%s with --color %s, a terminal: %s, and %j', (wanted, choice, terminal, environment) => {
    expect(wantsColours(choice, terminal || undefined, environment)).toBe(wanted);
  });
});
