import { quoted } from './agent-edits.ts';
import { promptTasks } from './agent-tasks.ts';
import type { DemoTask } from './agent-tasks.ts';
import { readDemoText, whatTheDemoAgentCanDo } from './demo-language.ts';
import type { DemoCommand, DemoStatus } from './demo-language.ts';
import type { Conversation, Step, Turn } from './model-turn.ts';

/**
 * The demo's model: answers whatever agent asks it with the steps that do what the issue, or the comments of the latest prompt,
 * want, in the language of `demo-language.ts`. Each step is a shell command that the agent's program really executes.
 *
 * Keeps nothing: what is to be done next follows from the conversation, so it may be asked anew after any failure.
 */
export function demoTurn({ steps }: Conversation): Turn {
  const start = steps.findLastIndex((step) => step.kind === 'prompt' && isTask(step.text));
  const prompt = steps[start];
  if (prompt?.kind !== 'prompt') {
    return { say: whatTheDemoAgentCanDo };
  }
  const results = steps.slice(start + 1).filter((step) => step.kind === 'result');
  return planOf(prompt.text, results)[results.length] ?? { say: 'I am done.' };
}

/** As `domain/prompts` ends each prompt; an agent's program adds texts of its own to the conversation. */
function isTask(text: string): boolean {
  return /^# How to (?:work here|go on)$/m.test(text);
}

type Result = Extract<Step, { readonly kind: 'result' }>;

/** What the run is about, as its prompt says. */
interface Task {
  readonly issueNumber: string;
  readonly title: string | undefined;
  readonly pullRequest: string | undefined;
  readonly commands: readonly DemoCommand[];
  readonly notUnderstood: readonly string[];
}

/** All turns of the run, as far as the results so far decide them. */
function planOf(prompt: string, results: readonly Result[]): Turn[] {
  const task = readTask(prompt);
  const edits = task.commands.flatMap(editTurns);
  const opening: Turn[] = [
    { say: 'I read the issue first.', run: `forge read-issue ${task.issueNumber}` },
    ...edits.map(({ turn }) => turn),
  ];
  const ending = task.commands.find(({ kind }) => kind === 'exit' || kind === 'stay-silent');
  if (ending?.kind === 'stay-silent' && ending.seconds === undefined) {
    return [...opening, { fail: 'hang' }];
  }
  const publishing = publishTurns(task, edits, results.slice(1));
  const before = [...opening, ...publishing];
  if (ending?.kind === 'exit') {
    return [...before, { say: 'I stop here, as I was asked to.' }];
  }
  const failed = results.slice(opening.length, before.length).find((result) => result.failed);
  const { status, summary } =
    failed === undefined
      ? statusOf(task, edits, results.slice(1))
      : { status: 'failed', summary: `I could not finish: ${lastLine(failed.text)}` };
  return [
    ...before,
    { say: 'That was the last step.', run: `forge signal-done ${status} ${word(summary)}` },
  ];
}

function readTask(prompt: string): Task {
  const [, issueNumber = '', title] = /^# Issue #(\d+): (.*)$/m.exec(prompt) ?? [];
  const texts = [
    ...(title === undefined ? [] : [`${title}\n${issueText(prompt)}`]),
    ...promptTasks(prompt).map(({ text }: DemoTask) => text),
  ];
  const read = texts.map(readDemoText);
  return {
    issueNumber: issueNumber || (/for issue #(\d+)/.exec(prompt)?.[1] ?? ''),
    title,
    pullRequest: /^Your pull request is #(\d+)/m.exec(prompt)?.[1],
    commands: read.flatMap(({ commands }) => commands),
    notUnderstood: read.flatMap(({ commands, notUnderstood }) => [
      // A title is a name more often than a command.
      ...notUnderstood.filter((text) => commands.length === 0 || text !== title?.trim()),
      // Signals are the affair of the agent's program, not of its model.
      ...commands.flatMap(({ kind }) => (kind === 'ignore-term' ? ['ignore SIGTERM'] : [])),
    ]),
  };
}

/** The first fenced text after the issue's heading. */
function issueText(prompt: string): string {
  const [, , text = ''] = /^# Issue #[\s\S]*?^(`{3,})text\n([\s\S]*?)\n\1$/m.exec(prompt) ?? [];
  return text;
}

interface Edit {
  readonly turn: Turn;
  /** Waiting changes no file. */
  readonly changesFiles: boolean;
  /** What is done if its command succeeds. */
  readonly sentence: string;
}

/** A shell's wait in pieces: agents' programs give up on long commands. */
const longestWait = 20;

function editTurns(command: DemoCommand): Edit[] {
  const edit = (sentence: string, run: string, changesFiles = true): Edit[] => [
    { turn: { say: `I ${sentence}.`, run }, changesFiles, sentence },
  ];
  switch (command.kind) {
    case 'append': {
      const file = path(command.file);
      const sentence = `append ${quoted(command.text)} to ${quoted(command.file)}`;
      return edit(sentence, `${makeFolder(file)}printf '%s\\n' ${word(command.text)} >> ${file}`);
    }
    case 'create': {
      const file = path(command.file);
      const sentence = `create ${quoted(command.file)}`;
      const text = command.text === '' ? ': ' : `printf '%s\\n' ${word(command.text)} `;
      return edit(sentence, `${makeFolder(file)}test ! -e ${file} && ${text}> ${file}`);
    }
    case 'replace': {
      const sentence = `replace ${quoted(command.from)} with ${quoted(command.to)} in ${quoted(command.file)}`;
      const words = [command.file, command.from, command.to].map(word).join(' ');
      return edit(sentence, `node -e ${word(replaceProgram)} ${words}`);
    }
    case 'delete':
      return edit(`delete ${quoted(command.file)}`, `rm ${path(command.file)}`);
    case 'wait':
    case 'stay-silent':
      return waits(command.seconds ?? 0).flatMap((seconds) =>
        edit(`wait ${seconds} s`, `sleep ${seconds}`, false),
      );
    case 'say':
    case 'report':
    case 'exit':
    case 'ignore-term':
      return [];
  }
}

const replaceProgram =
  "const fs=require('fs');const [f,a,b]=process.argv.slice(1);const t=fs.readFileSync(f,'utf8');" +
  "if(!t.includes(a))throw new Error('it is not in '+f);fs.writeFileSync(f,t.split(a).join(b))";

function waits(seconds: number): number[] {
  return seconds <= 0 ? [] : [Math.min(seconds, longestWait), ...waits(seconds - longestWait)];
}

/** From the changed files to what people read on the forge. */
function publishTurns(task: Task, edits: readonly Edit[], results: readonly Result[]): Turn[] {
  const { issueNumber, title, pullRequest } = task;
  const report = reportOf(task, edits, results);
  const isChanged = edits.some(
    (edit, index) => edit.changesFiles && results[index]?.failed === false,
  );
  const subject = word((title ?? 'Changes as the comments ask').slice(0, 72).toWellFormed());
  const publish: Turn[] = [
    {
      say: 'I commit and push.',
      run: `git add --all && { git diff --cached --quiet || git commit --quiet --message=${subject}; }`,
    },
    { run: 'git push --quiet origin HEAD' },
  ];
  const open: Turn = {
    say: 'I open the pull request.',
    run: `forge open-pr --title ${word(title ?? `Issue #${issueNumber}`)} --body ${word(`${report}\n\nCloses #${issueNumber}`)}`,
  };
  const comment: Turn = {
    say: 'I say what I did.',
    run: `forge post-comment ${pullRequest ?? issueNumber} --body ${word(report)}`,
  };
  const hasTask = task.commands.length + task.notUnderstood.length > 0;
  return [
    ...(isChanged ? publish : []),
    ...(isChanged && pullRequest === undefined ? [open] : hasTask ? [comment] : []),
  ];
}

function reportOf(task: Task, edits: readonly Edit[], results: readonly Result[]): string {
  const { done, failed } = outcomes(edits, results);
  return (
    [
      ...task.commands.flatMap((command) => (command.kind === 'say' ? [command.text] : [])),
      bullets('Done:', done),
      bullets('Not done:', failed),
      bullets('Not understood:', task.notUnderstood.slice(0, 20).map(quoted)),
      task.notUnderstood.length > 0 ? whatTheDemoAgentCanDo : '',
    ]
      .filter((part) => part !== '')
      .join('\n\n') || 'There was nothing to do.'
  );
}

function statusOf(
  task: Task,
  edits: readonly Edit[],
  results: readonly Result[],
): { readonly status: DemoStatus; readonly summary: string } {
  const { done, failed } = outcomes(edits, results);
  const asked = task.commands.find((command) => command.kind === 'report');
  const said = task.commands.filter(({ kind }) => kind === 'say').length;
  const undone = failed.length + task.notUnderstood.length;
  const status = undone === 0 ? 'success' : done.length + said > 0 ? 'partial' : 'blocked';
  const parts = [
    ...done,
    ...failed.map((sentence) => `not done: ${sentence}`),
    ...task.notUnderstood.map((text) => `not understood: ${quoted(text)}`),
  ];
  const summary = parts.length === 0 ? 'Nothing new to do.' : `${parts.join('; ')}.`;
  return { status: asked?.status ?? status, summary: summary.slice(0, 1000).toWellFormed() };
}

function outcomes(
  edits: readonly Edit[],
  results: readonly Result[],
): { readonly done: string[]; readonly failed: string[] } {
  const sentences = (failed: boolean): string[] =>
    edits
      .filter((_, index) => (results[index]?.failed ?? false) === failed)
      .map(({ sentence }) => sentence);
  return { done: sentences(false), failed: sentences(true) };
}

function bullets(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `${title}\n\n${items.map((item) => `- ${item}`).join('\n')}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 500) ?? '';
}

function makeFolder(file: string): string {
  return file.slice(0, -1).includes('/', 3) ? `mkdir -p "$(dirname ${file})" && ` : '';
}

/** Never an option to the command, whatever it begins with. */
function path(file: string): string {
  return word(`./${file}`);
}

/** One word to a shell. */
function word(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
