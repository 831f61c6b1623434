import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { freePort } from '../../src/demo/free-port.ts';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { readToolEnvironment } from '../../tools/environment.ts';
import { type ForeignGitea, startForeignGitea } from '../support/foreign-gitea.ts';
import { makeNetworkNamespace, whyNoNetworkNamespaces } from '../support/network-namespace.ts';
import { TypedTerminal } from '../support/typed-terminal.ts';
import { until } from '../support/until.ts';
import { endBottles, program } from '../support/world.ts';

const run = promisify(execFile);
const whyNot = await whyNoNetworkNamespaces();
const enter = '\r';
if (whyNot !== undefined) {
  process.stderr.write(`No network namespace, so own-gitea is left out: ${whyNot}\n`);
}

/**
 * The README's steps, typed, on a Gitea that knows nothing of us: default webhook queue, no `ALLOWED_HOST_LIST`, a network of
 * its own, a repository with history whose main is protected. What a person does in the browser, Gitea's API does here.
 */
test.skipIf(whyNot !== undefined)(
  'the steps of “Your own Gitea”, typed, end in a merged pull request',
  { timeout: 300_000 },
  async () => {
    const namespace = await makeNetworkNamespace();
    onTestFinished(() => namespace[Symbol.asyncDispose]());
    const gitea = await startForeignGitea(namespace);
    onTestFinished(() => gitea[Symbol.asyncDispose]());
    await makeRepositoryWithHistory(gitea);
    const machine = await makeMachine();
    const screen = await machine.openTerminal();

    await typeInit(screen, gitea);
    await screen.shows('A first issue');
    await screen.asks();
    const dev = await machine.openTerminal();
    dev.type(`${await step('orchestrator dev')}${enter}`);
    await dev.shows('working for Temporal', 90_000);

    await openIssue(gitea);
    const pullRequest = await until('a pull request', () => findPullRequest(gitea), 60_000);
    await until('the run to end', () => machine.phaseIs('frozen'), 60_000);
    await mergeAsAlice(gitea, pullRequest);
    await until('the bottle to be destroyed', () => machine.phaseIs('destroyed'), 60_000);

    expect(await readOnMain(gitea, 'herbs.txt')).toBe('basil\n');
    await expectPrivateFiles(machine.data);
    screen.type(`${await step('orchestrator init')}${enter}`);
    await screen.answer('Your own token', `${gitea.alice.token}${enter}`);
    await screen.answer('The repositories', `acme/rocket${enter}`);
    await screen.shows('Nothing was changed.', 60_000);
    await screen.asks();
    await writeFile(join(machine.home, 'my-token'), gitea.alice.token);
    const test = 'orchestrator webhook test acme/rocket --setup-token-file ~/my-token';
    screen.type(`${await step(test)}${enter}`);
    await screen.shows('PASS');
    await screen.asks();
    dev.type('\x03');
    await dev.asks(60_000);
    await expect(
      hideWhatVaries(screen.text(), {
        [gitea.url]: 'http://gitea.example.com:3000',
        [gitea.url.replace('http://', '')]: 'gitea.example.com:3000',
        [`${namespace.hereAddress}:${machine.port}`]: '192.0.2.1:8477',
        [namespace.hereAddress]: '192.0.2.1',
        [machine.data]: '/home/you/.bot-bottle',
      }),
    ).toMatchFileSnapshot('own-gitea.transcript.txt');
  },
);

/** A command of the README's, as it stands there. */
async function step(command: string): Promise<string> {
  const readme = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');
  const [, section = ''] = /\n## Your own Gitea\n(.*?)\n## /s.exec(readme) ?? [];
  expect(section).toContain(`\n\`\`\`sh\n${command}\n\`\`\`\n`);
  return command;
}

async function typeInit(screen: TypedTerminal, gitea: ForeignGitea): Promise<void> {
  screen.type(`${await step('orchestrator init')}${enter}`);
  await screen.answer('Where is your Gitea?', `${gitea.url}${enter}`);
  await screen.answer('Your own token', `${gitea.alice.token}${enter}`);
  await screen.answer('A token of the orchestrator', enter);
  await screen.answer('The name of the account', enter);
  await screen.answer('Make the account agent-bot', 'y');
  await screen.answer('Make the org bot-bottle', 'y');
  await screen.answer('Make agent-bot a member', 'y');
  await screen.answer('Write a first agent', 'y');
  await screen.answer('The repositories', `acme/rocket${enter}`);
  await screen.answer('Let agent-bot write to acme/rocket', 'y');
  await screen.answer('Make the label bot-bottle:demo', 'y');
  await screen.answer('Write', 'y');
  await screen.answer('Let Gitea deliver to', 'y');
  await screen.shows('ALLOWED_HOST_LIST = ', 60_000);
  await screen.shows('Try again');
  // Copied from the screen, as a person would.
  const [, list = ''] = /(ALLOWED_HOST_LIST = .*)/.exec(screen.text()) ?? [];
  await gitea.addSettings(`[webhook]\n${list}`);
  screen.type('y');
  await screen.answer('Write the address http', 'y', 60_000);
  await screen.answer('Make a webhook of acme/rocket', 'y');
}

async function makeRepositoryWithHistory({ url, alice }: ForeignGitea): Promise<void> {
  const access = { url, token: alice.token };
  await callGitea(access, 'POST', '/orgs', { username: 'acme' });
  await callGitea(access, 'POST', '/orgs/acme/repos', { name: 'rocket', default_branch: 'main' });
  const directory = await mkdtemp(join(tmpdir(), 'rocket-'));
  const git = (...args: string[]) =>
    run('git', [
      '-C',
      directory,
      '-c',
      'user.name=alice',
      '-c',
      'user.email=a@example.com',
      ...args,
    ]);
  try {
    await git('init', '--initial-branch', 'main');
    for (const commit of ['Begin', 'Grow', 'Fly']) {
      await writeFile(join(directory, 'README.md'), `# Rocket\n\n${commit}\n`);
      await git('add', '.');
      await git('commit', '--message', commit);
    }
    const remote = url.replace('http://', `http://alice:${alice.token}@`);
    await git('push', `${remote}/acme/rocket.git`, 'main');
  } finally {
    await rm(directory, { recursive: true });
  }
  await callGitea(access, 'POST', '/repos/acme/rocket/branch_protections', { rule_name: 'main' });
}

/** The orchestrator's: a home of its own, and the command on the PATH. */
async function makeMachine() {
  const home = await mkdtemp(join(tmpdir(), 'own-gitea-'));
  const [port, temporalPort, bin] = [await freePort(), await freePort(), join(home, 'bin')];
  const data = join(home, '.bot-bottle');
  await mkdir(bin);
  const command = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
  await writeFile(join(bin, 'orchestrator'), command, { mode: 0o755 });
  const { cacheDirectory } = readToolEnvironment();
  const environment = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    XDG_CACHE_HOME: dirname(dirname(cacheDirectory)),
    TEMPORAL_ADDRESS: `127.0.0.1:${temporalPort}`,
    FORGE_WEBHOOK_PORT: String(port),
    COMMENT_DEBOUNCE: '1s',
  };
  const terminals: TypedTerminal[] = [];
  onTestFinished(async () => {
    for (const terminal of terminals) {
      // Ctrl-C first: what `dev` has started is not the terminal's.
      terminal.type('\x03');
      await terminal.asks().catch(() => undefined);
      await terminal[Symbol.asyncDispose]();
    }
    await endBottles(home);
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    home,
    data,
    port,
    async openTerminal() {
      const terminal = new TypedTerminal(environment, home);
      terminals.push(terminal);
      await terminal.asks();
      return terminal;
    },
    async phaseIs(phase: string): Promise<boolean> {
      const { stdout } = await run(join(bin, 'orchestrator'), ['status', '--json'], {
        env: environment,
      });
      return stdout.includes(`"${phase}"`);
    },
  };
}

async function openIssue({ url, alice }: ForeignGitea): Promise<void> {
  const access = { url, token: alice.token };
  const labels = z
    .array(z.object({ id: z.number(), name: z.string() }))
    .parse(await callGitea(access, 'GET', '/repos/acme/rocket/labels'));
  await callGitea(access, 'POST', '/repos/acme/rocket/issues', {
    title: 'Herbs',
    body: 'Create herbs.txt with "basil"',
    labels: labels.filter(({ name }) => name === 'bot-bottle:demo').map(({ id }) => id),
    assignees: ['agent-bot'],
  });
}

async function findPullRequest({ url, alice }: ForeignGitea): Promise<number | undefined> {
  const found = await callGitea({ url, token: alice.token }, 'GET', '/repos/acme/rocket/pulls');
  return z.array(z.object({ number: z.number() })).parse(found)[0]?.number;
}

/** Gitea finds out first whether it can be merged. */
async function mergeAsAlice({ url, alice }: ForeignGitea, number: number): Promise<void> {
  const path = `/repos/acme/rocket/pulls/${number}/merge`;
  await until('the merge', () =>
    callGitea({ url, token: alice.token }, 'POST', path, { Do: 'merge' }).then(
      () => true,
      () => false,
    ),
  );
}

async function readOnMain({ url, alice }: ForeignGitea, path: string): Promise<string> {
  const file = await callGitea(
    { url, token: alice.token },
    'GET',
    `/repos/acme/rocket/contents/${path}?ref=main`,
  );
  return Buffer.from(z.object({ content: z.string() }).parse(file).content, 'base64').toString();
}

async function expectPrivateFiles(data: string): Promise<void> {
  for (const name of ['orchestrator.toml', 'forge-token', 'webhook-secret']) {
    expect((await stat(join(data, name))).mode & 0o777, name).toBe(0o600);
  }
}

function hideWhatVaries(text: string, names: Readonly<Record<string, string>>): string {
  return `${Object.entries(names).reduce((hidden, [name, shown]) => hidden.replaceAll(name, shown), text)}\n`;
}
