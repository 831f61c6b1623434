import { createHash } from 'node:crypto';
import { readDemoText } from './demo-language.ts';

/** One text that somebody wants done. */
export interface DemoTask {
  /** For people: "issue #7", "a comment by alice". */
  readonly origin: string;
  readonly text: string;
  /** The same text at the same place has the same digest: it is done once. */
  readonly digest: string;
}

/**
 * The issue itself as a task: its title may be a command too. Once it was understood it is done once, however it is
 * edited: more is asked for in comments. Until then each new text of it is another try.
 */
export function issueTask(issue: { number: number; title: string; body: string }): DemoTask {
  const text = `${issue.title}\n${issue.body}`;
  const understood = readDemoText(text).commands.length > 0;
  return {
    origin: `issue #${issue.number}`,
    text,
    digest: digest(understood ? `issue ${issue.number}` : `issue\n${text}`),
  };
}

/**
 * The comments that a prompt quotes. The prompt is asked, not the forge, since it holds only what people wrote who may
 * ask for something. A quote within a quoted text is part of that text.
 */
export function promptTasks(prompt: string): DemoTask[] {
  const tasks: DemoTask[] = [];
  const lines = prompt.split('\n');
  let header = '';
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const fence = /^(`{3,})text$/.exec(line)?.[1];
    if (fence === undefined) {
      header = line.trim() === '' ? header : line;
      continue;
    }
    const end = lines.indexOf(fence, i + 1);
    const text = lines.slice(i + 1, end === -1 ? undefined : end).join('\n');
    const author = /^\*\*(.+?)\*\*.*, \S+, \S+$/.exec(header)?.[1];
    if (author !== undefined) {
      tasks.push({ origin: `a comment by ${author}`, text, digest: digest(`${header}\n${text}`) });
    }
    i = end === -1 ? lines.length : end;
  }
  return tasks;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
