import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { exitCodes } from '../../src/cli/cli-error.ts';

const program = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

async function help(...command: string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...command, '--help'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return await text(child.stdout);
}

/** The help of a command and of all below it. */
async function helpOfAll(...command: string[]): Promise<{ command: string; text: string }[]> {
  const shown = await help(...command);
  const below = [...shown.matchAll(/^Commands.*:\n((?: {2}.*\n)*)/gm)].flatMap(([, lines = '']) =>
    [...lines.matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name = '']) => name),
  );
  const texts = await Promise.all(
    below.filter((name) => name !== 'help').map((name) => helpOfAll(...command, name)),
  );
  return [{ command: ['orchestrator', ...command].join(' '), text: shown }, ...texts.flat()];
}

test('every command has --help, with examples', async () => {
  const all = await helpOfAll();
  expect(all.map(({ command }) => command)).toEqual(
    expect.arrayContaining(['orchestrator', 'orchestrator status', 'orchestrator agents list']),
  );
  for (const { command, text: shown } of all) {
    expect(shown, command).toMatch(new RegExp(`^Usage: ${command}[ \n]`));
    expect(shown, command).toMatch(/^Examples?:\n(.*\n)*? .*orchestrator/m);
  }
});

test('--help has every exit code', async () => {
  const [, codes = ''] = /^Exit codes:\n((?: {2}.*\n)*)/m.exec(await help()) ?? [];
  expect([...codes.matchAll(/^ {2}(\d+)/gm)].map(([, code]) => Number(code))).toEqual(
    Object.values(exitCodes),
  );
});
