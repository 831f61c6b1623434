import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { EditRefusedError, makeEdit, quoted } from './agent-edits.ts';
import { commitTrailers, openMemory } from './agent-memory.ts';
import { ProgramError, forge, git } from './agent-programs.ts';
import { issueTask, promptTasks } from './agent-tasks.ts';
import type { DemoTask } from './agent-tasks.ts';
import { readDemoText, whatTheDemoAgentCanDo } from './demo-language.ts';
import type { DemoCommand, DemoStatus } from './demo-language.ts';

/**
 * The demo agent: a program of provider `script` that needs no model. It runs in a bottle and does what its issue and
 * the comments in its prompt ask for, in the language of `demo-language.ts`.
 *
 * Killed at any point, the next run does what is left: what is not committed is done again, what is committed is not.
 */

const pushAttempts = 4;
// Inside a bottle the environment is the bottle's own.
const { HOME = '.', BOTTLE_PROMPT = '/run/prompt.md', FORGE_PR_NUMBER = '' } = process.env;

interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
}

/** What came of the tasks of this run. */
interface Work {
  readonly done: string[];
  readonly failed: string[];
  readonly notUnderstood: string[];
  readonly said: string[];
  status: DemoStatus | undefined;
  /** How to end, if not by `signal-done`. What comes before is on the forge by then. */
  ending: Extract<DemoCommand, { readonly kind: 'exit' | 'stay-silent' }> | undefined;
}

try {
  process.exitCode = await main();
} catch (error) {
  const message = error instanceof ProgramError ? error.message : String(error);
  narrate(`I cannot go on: ${message}`);
  await forge(['signal-done', 'failed', `I could not finish: ${message.slice(0, 2000)}`]);
}

async function main(): Promise<number> {
  const issue = await forge<Issue>(['read-issue']);
  narrate(`issue #${issue.number}: ${issue.title}`);
  // What a killed run left half done is done again, from the last commit on.
  await git(['reset', '--quiet', '--hard']).catch(() => '');
  await git(['clean', '--quiet', '--force', '-d']);

  const memory = await openMemory(HOME);
  const prompt = await readFile(BOTTLE_PROMPT, 'utf8');
  const tasks = [issueTask(issue), ...promptTasks(prompt)].filter(
    (task) => !memory.has(task.digest),
  );
  const digests = tasks.map((task) => task.digest);

  const work = await doTasks(tasks, issue);
  await commit(work, tasks, issue);
  const published = await publish();
  await tell(work, tasks, issue, published);
  await memory.add(digests);
  if (work.ending?.kind === 'exit') {
    narrate(`exiting with ${work.ending.code}, as I was asked to`);
    return work.ending.code;
  }
  if (work.ending !== undefined) {
    narrate('silent from now on, as I was asked to');
    await forever();
  }
  const status = work.status ?? statusOf(work);
  narrate(`done: ${status}`);
  await forge(['signal-done', status, summaryOf(work)]);
  return 0;
}

async function doTasks(tasks: readonly DemoTask[], issue: Issue): Promise<Work> {
  const work: Work = {
    done: [],
    failed: [],
    notUnderstood: [],
    said: [],
    status: undefined,
    ending: undefined,
  };
  for (const task of tasks) {
    narrate(`reading ${task.origin}`);
    const { commands, notUnderstood } = readDemoText(task.text);
    // A title is a name more often than a command.
    work.notUnderstood.push(
      ...notUnderstood.filter((text) => commands.length === 0 || text !== issue.title.trim()),
    );
    for (const command of commands) {
      await carryOut(command, work);
      if (work.ending !== undefined) {
        return work;
      }
    }
  }
  return work;
}

async function carryOut(command: DemoCommand, work: Work): Promise<void> {
  switch (command.kind) {
    case 'say':
      narrate(command.text);
      work.said.push(command.text);
      return;
    case 'wait':
      for (let left = command.seconds; left > 0; left--) {
        narrate(`waiting, ${left} s left`);
        await delay(Math.min(left, 1) * 1000);
      }
      work.done.push(`waited ${command.seconds} s`);
      return;
    case 'stay-silent':
      if (command.seconds === undefined) {
        work.ending = command;
      } else {
        await delay(command.seconds * 1000);
        work.done.push(`stayed silent for ${command.seconds} s`);
      }
      return;
    case 'ignore-term':
      process.on('SIGTERM', () => narrate('ignoring SIGTERM, as I was asked to'));
      work.done.push('ignored SIGTERM from then on');
      return;
    case 'report':
      work.status = command.status;
      work.done.push(`reported ${command.status}`);
      return;
    case 'exit':
      work.ending = command;
      return;
    case 'append':
    case 'create':
    case 'replace':
    case 'delete':
      try {
        const sentence = await makeEdit('.', command);
        narrate(sentence);
        work.done.push(sentence);
      } catch (error) {
        if (!(error instanceof EditRefusedError)) {
          throw error;
        }
        narrate(error.message);
        work.failed.push(error.message);
      }
  }
}

/** One commit for all that was changed; its message comes from the task. */
async function commit(work: Work, tasks: readonly DemoTask[], issue: Issue): Promise<void> {
  await git(['add', '--all']);
  if ((await git(['status', '--porcelain'])) === '') {
    return;
  }
  const isFirst = tasks.some((task) => task.origin === `issue #${issue.number}`);
  const subject = isFirst ? issue.title : (work.done[0] ?? 'Changes');
  const message = [
    oneLine(subject).slice(0, 72) || 'Changes',
    work.done.map((sentence) => `- ${sentence}`).join('\n'),
    commitTrailers(tasks.map((task) => task.digest)),
  ].join('\n\n');
  // A title may begin with "#" without being a comment.
  await git(['commit', '--quiet', '--cleanup=verbatim', '--file=-'], message);
  narrate(`committed: ${oneLine(subject)}`);
}

/**
 * Pushes what is not on the forge yet.
 * @returns true when the branch is there
 */
async function publish(): Promise<boolean> {
  const branch = await git(['branch', '--show-current']);
  const hasCommit = await git(['rev-parse', '--verify', '--quiet', 'HEAD']).then(
    () => true,
    () => false,
  );
  if (
    hasCommit &&
    (await git(['rev-list', '--count', 'HEAD', '--not', '--remotes=origin'])) !== '0'
  ) {
    await push(branch);
    narrate(`pushed ${branch}`);
  }
  return git(['rev-parse', '--verify', '--quiet', `refs/remotes/origin/${branch}`]).then(
    () => true,
    () => false,
  );
}

async function push(branch: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await git(['push', '--quiet', 'origin', `HEAD:refs/heads/${branch}`]);
      return;
    } catch (error) {
      if (attempt === pushAttempts) {
        throw error;
      }
      narrate((error as Error).message);
      await delay(attempt * 1000);
      // Somebody may have pushed to the branch; where that is not it, there is nothing to rebase on.
      await git(['pull', '--quiet', '--rebase', 'origin', branch]).catch(() =>
        git(['rebase', '--abort']).catch(() => ''),
      );
    }
  }
}

/** Says on the forge what was done: in the pull request, or below what there is. */
async function tell(
  work: Work,
  tasks: readonly DemoTask[],
  issue: Issue,
  published: boolean,
): Promise<void> {
  const text = reportOf(work);
  if (FORGE_PR_NUMBER === '' && published) {
    const title = oneLine(issue.title).slice(0, 250) || `Issue #${issue.number}`;
    const { number } = await forge<{ number: number }>(['open-pr', '--title', title, '-'], text);
    narrate(`pull request #${number}`);
  } else if (tasks.length > 0 && text !== '') {
    const number = FORGE_PR_NUMBER === '' ? String(issue.number) : FORGE_PR_NUMBER;
    await forge(['post-comment', number, '-'], text);
    narrate(`commented on #${number}`);
  }
}

function reportOf({ done, failed, notUnderstood, said }: Work): string {
  return [
    ...said.map((text) => text.replace(/\p{Cc}+/gu, ' ')),
    bullets('Done:', done),
    bullets('Not done:', failed),
    bullets('Not understood:', notUnderstood.slice(0, 20).map(quoted)),
    notUnderstood.length > 0 ? whatTheDemoAgentCanDo : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function bullets(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `${title}\n\n${items.map((item) => `- ${item}`).join('\n')}`;
}

function statusOf({ done, failed, notUnderstood, said }: Work): DemoStatus {
  const didSomething = done.length + said.length > 0;
  if (failed.length === 0 && notUnderstood.length === 0) {
    return 'success';
  }
  if (didSomething) {
    return 'partial';
  }
  return failed.length > 0 ? 'failed' : 'blocked';
}

function summaryOf({ done, failed, notUnderstood, said }: Work): string {
  const parts = [
    ...done,
    ...said.map((text) => `said ${quoted(text)}`),
    ...failed.map((reason) => `not done: ${reason}`),
    ...notUnderstood.map((text) => `not understood: ${quoted(text)}`),
  ];
  const text = parts.length === 0 ? 'Nothing new to do.' : `${parts.join('; ')}.`;
  return text.length > 1000 ? `${text.slice(0, 999).toWellFormed()}…` : text;
}

function narrate(text: string): void {
  process.stdout.write(`demo: ${oneLine(text)}\n`);
}

function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

/** A timer keeps the process alive; a promise alone would not. */
async function forever(): Promise<never> {
  for (;;) {
    await delay(2 ** 31 - 1);
  }
}
