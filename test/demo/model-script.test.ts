import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { demoTurn } from '../../src/demo/model-script.ts';
import type { Step, Turn } from '../../src/demo/model-turn.ts';
import { resumePrompt, startPrompt } from '../../src/domain/prompts.ts';
import { git, openStand as openGitStand } from '../supervisor/git-gate/stand.ts';
import type { Stand as GitStand } from '../supervisor/git-gate/stand.ts';
import { branch, openStand as openSidecarStand } from '../supervisor/sidecar/stand.ts';
import type { Stand as SidecarStand } from '../supervisor/sidecar/stand.ts';

let repository: GitStand;
let door: SidecarStand;
let work: string;
let bin: string;

beforeEach(async () => {
  repository = await openGitStand(branch);
  door = await openSidecarStand();
  work = await repository.clone('work');
  await git(work, 'checkout', '--quiet', '-b', branch);
  bin = join(repository.root, 'bin');
  await mkdir(bin);
  // How it is called is all that matters here.
  await writeFile(join(bin, 'forge'), '#!/bin/sh\n');
  await chmod(join(bin, 'forge'), 0o755);
});
afterEach(async () => {
  await repository.close();
  await door.close();
});

/** Stands for an agent's program: does what the model says until it says nothing more to do. */
async function converse(
  prompt: string,
  earlier: readonly Step[] = [],
): Promise<{ steps: Step[]; last: Turn }> {
  const steps: Step[] = [...earlier, { kind: 'prompt', text: prompt }];
  for (;;) {
    const turn = demoTurn({ protocol: 'anthropic-messages', model: 'demo', steps });
    if ('fail' in turn || turn.run === undefined) {
      return { steps, last: turn };
    }
    steps.push({ kind: 'command', command: turn.run }, await shell(turn.run));
  }
}

function shell(command: string): Promise<Step> {
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: repository.root,
    GIT_AUTHOR_NAME: 'Bot',
    GIT_AUTHOR_EMAIL: 'bot@memory.example',
    GIT_COMMITTER_NAME: 'Bot',
    GIT_COMMITTER_EMAIL: 'bot@memory.example',
  };
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd: work, env }, (error, stdout, stderr) => {
      resolve({ kind: 'result', text: `${stdout}${stderr}`, failed: error !== null });
    });
  });
}

const issuePrompt = (title: string, body: string): string =>
  startPrompt({
    issue: {
      number: 1,
      title,
      body,
      state: 'open',
      url: 'https://forge.example/acme/widgets/issues/1',
      author: 'alice',
      labels: [],
      assignees: [],
    },
    standingPrompt: 'Be careful.',
    branch,
    comments: [],
  });

async function commentPrompt(pullRequest: number, ...texts: string[]): Promise<string> {
  const ids = texts.map((text) => door.alice.comment(1, text));
  const all = await door.forge.listComments(door.repository, 1);
  return resumePrompt({
    issueNumber: 1,
    pullRequest,
    branch,
    comments: all.filter((comment) => ids.includes(comment.id)),
  });
}

const commandsOf = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.kind === 'command' ? [step.command] : []));
const shown = (file: string): Promise<string> =>
  git(repository.upstream, 'show', `${branch}:${file}`);

describe("the demo's model", () => {
  test('reads the issue, edits, commits, pushes, opens the pull request and ends, one command each', async () => {
    const { steps, last } = await converse(
      issuePrompt(
        'Greet people',
        `Append "It's me" to README.md. Then create docs/a.txt with "x".`,
      ),
    );

    expect(commandsOf(steps).map((command) => command.split(' ', 2).join(' '))).toEqual([
      'forge read-issue',
      "printf '%s\\n'",
      'mkdir -p',
      'git add',
      'git push',
      'forge open-pr',
      'forge signal-done',
    ]);
    expect(last).toEqual({ say: 'I am done.' });
    expect(await shown('README.md')).toBe("# Seed\nIt's me");
    expect(await shown('docs/a.txt')).toBe('x');
    expect(commandsOf(steps).at(-1)).toBe(
      "forge signal-done success 'append `It'\\''s me` to `README.md`; create `docs/a.txt`.'",
    );
  });

  test('in the same conversation does what new comments ask for, and only that', async () => {
    const { steps } = await converse(issuePrompt('append one to a.txt', ''));
    const prompt = await commentPrompt(3, 'replace one with two in a.txt', 'delete README.md');

    const next = await converse(prompt, steps);

    expect(await shown('a.txt')).toBe('two');
    expect(await git(repository.upstream, 'ls-tree', '--name-only', branch)).toBe('a.txt');
    const commands = commandsOf(next.steps).slice(commandsOf(steps).length);
    expect(commands.at(-2)).toMatch(/^forge post-comment 3 /);
    expect(commands.at(-1)).toMatch(/^forge signal-done success /);
  });

  test('says in the pull request and at the end what could not be done', async () => {
    const { steps } = await converse(
      issuePrompt('Mixed', 'append x to a.txt. replace "nothing" with "y" in README.md.'),
    );

    const [open, done] = commandsOf(steps).slice(-2);
    expect(open).toContain('Not done:\n\n- replace `nothing` with `y` in `README.md`');
    expect(done).toMatch(/^forge signal-done partial .*not done: replace/);
  });

  test('is blocked by what it does not understand, and says on the issue what it can do', async () => {
    const { steps } = await converse(issuePrompt('Make it faster', 'Rewrite the core.'));

    const [, comment, done] = commandsOf(steps);
    expect(comment).toMatch(/^forge post-comment 1 /);
    expect(comment).toContain('append "a line" to notes.txt');
    expect(done).toMatch(/^forge signal-done blocked /);
  });

  test('ends as failed when what it made cannot be pushed', async () => {
    await git(work, 'remote', 'set-url', 'origin', '/nowhere');
    const { steps } = await converse(issuePrompt('append x to a.txt', ''));

    expect(commandsOf(steps).at(-1)).toMatch(/^forge signal-done failed 'I could not finish: /);
  });

  test('a run without anything new is a success', async () => {
    const prompt = resumePrompt({ issueNumber: 1, pullRequest: 3, branch, comments: [] });

    expect(commandsOf((await converse(prompt)).steps)).toEqual([
      'forge read-issue 1',
      "forge signal-done success 'Nothing new to do.'",
    ]);
  });

  test('reports what it was asked to report, stays silent, and stops without a word', async () => {
    const ending = (text: string) => converse(issuePrompt('Test', text));

    expect(commandsOf((await ending('report blocked')).steps).at(-1)).toMatch(
      /^forge signal-done blocked /,
    );
    expect((await ending('stay silent')).last).toEqual({ fail: 'hang' });
    expect(commandsOf((await ending('exit with 3')).steps).join()).not.toContain('signal-done');
  });

  test('waits in pieces that no agent gives up on', () => {
    const steps: Step[] = [{ kind: 'prompt', text: issuePrompt('Wait', 'wait 50 seconds') }];
    const waits: string[] = [];
    for (let count = 0; count < 4; count++) {
      const turn = demoTurn({ protocol: 'openai-responses', model: 'demo', steps });
      waits.push('run' in turn ? (turn.run ?? '') : '');
      steps.push({ kind: 'result', text: '', failed: false });
    }

    expect(waits.slice(1)).toEqual(['sleep 20', 'sleep 20', 'sleep 10']);
  });

  test('tells somebody who only talks to it what it can do', () => {
    const steps: Step[] = [{ kind: 'prompt', text: 'Hello?' }];

    expect(demoTurn({ protocol: 'anthropic-messages', model: 'demo', steps })).toEqual({
      say: expect.stringContaining('I am a small program without a model.') as string,
    });
  });
});
