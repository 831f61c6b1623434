import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { startGitea, type TestGitea } from '../support/gitea.ts';
import { TypedTerminal } from '../support/typed-terminal.ts';

const program = join(import.meta.dirname, '../cli/sample-program.ts');
const enter = '\r';
const ctrlC = '\x03';

let gitea: TestGitea;
beforeAll(async () => {
  gitea = await startGitea();
});
afterAll(async () => {
  await gitea?.stop();
});

/** A terminal with the settings of a Gitea that cannot deliver: it may not, to that address. */
async function terminal(): Promise<{ screen: TypedTerminal; home: string; init: string }> {
  const home = await mkdtemp(join(tmpdir(), 'ctrl-c-'));
  const screen = new TypedTerminal(
    {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      FORGE_GITEA_API: gitea.apiUrl,
      FORGE_TOKEN: gitea.bot.token,
      FORGE_WEBHOOK_PORT: String(await freePort()),
      ORCHESTRATOR_PUBLIC_URL: 'http://10.123.0.9:8477',
    },
    home,
  );
  onTestFinished(async () => {
    await screen[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });
  await screen.asks();
  return { screen, home, init: `${process.execPath} ${program} init; echo "exit code $?"${enter}` };
}

test('Ctrl-C at a question ends with 130, and nothing was made of it', async () => {
  const { screen, home, init } = await terminal();
  screen.type(init);
  await screen.answer('Your own token', `${gitea.alice.token}${enter}`);

  await screen.answer('Write a first agent', ctrlC);

  await screen.shows('run it again to go on from there');
  await screen.shows('exit code 130');
  expect(existsSync(join(home, '.bot-bottle'))).toBe(false);
});

test('Ctrl-C while a delivery is waited for ends with 130, and the webhook is what it was', async () => {
  const { owner, name } = await gitea.createRepository();
  const { screen, init } = await terminal();
  screen.type(init);
  await screen.answer('Your own token', `${gitea.alice.token}${enter}`);
  await screen.answer('Write a first agent', 'y');
  await screen.answer('The repositories', `${owner}/${name}${enter}`);
  await screen.answer('Describe the label', 'y');
  await screen.answer('Write', 'y');
  await screen.answer('Write the address', 'y');
  await screen.answer('Make a webhook', 'y');

  await screen.answer('Waiting for a delivery', ctrlC);

  await screen.shows('exit code 130');
  const hooks = await callGitea(gitea.alice, 'GET', `/repos/${owner}/${name}/hooks`);
  expect(hooks).toMatchObject([{ config: { url: 'http://10.123.0.9:8477/webhooks/gitea' } }]);
  expect(JSON.stringify(hooks)).not.toContain('push"');
});
