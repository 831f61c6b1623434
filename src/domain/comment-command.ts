import { durationForm, parseDuration } from './duration.ts';
import type { CommandName } from './issue-command.ts';

/** What a person asks for in a comment. */
export type CommentCommand =
  | { readonly type: 'help' | 'status' }
  | { readonly type: CommandName }
  | { readonly type: 'extend'; readonly byMs: number }
  /** It was meant as a command; `problem` is for who wrote it. */
  | { readonly type: 'unknown'; readonly problem: string };

const withoutArgument = [
  'help',
  'status',
  'approve',
  'freeze',
  'resume',
  'retry',
  'destroy',
] as const;

const longestExtensionMs = 365 * 86_400_000;

/**
 * The command that a comment is: its first line begins with `/bottle`. Undefined for every other comment, also for one that quotes
 * a command, or has it further down. Letter case does not matter, because keyboards of phones choose it themselves.
 */
export function parseCommentCommand(body: string): CommentCommand | undefined {
  const [firstLine = ''] = body.split(/\r?\n/, 1);
  const [head = '', name = 'help', ...rest] = firstLine
    .trimEnd()
    .toLowerCase()
    .split(/[ \t]+/);
  if (head !== '/bottle') {
    return undefined;
  }
  if (name === 'extend') {
    return parseExtend(rest);
  }
  const type = withoutArgument.find((known) => known === name);
  if (type === undefined) {
    return { type: 'unknown', problem: 'There is no such command.' };
  }
  return rest.length === 0
    ? { type }
    : { type: 'unknown', problem: `\`/bottle ${type}\` takes nothing behind it on its line.` };
}

function parseExtend(rest: readonly string[]): CommentCommand {
  const byMs = rest.length === 1 ? parseDuration(rest.join('')) : undefined;
  return byMs === undefined || byMs === 0 || byMs > longestExtensionMs
    ? {
        type: 'unknown',
        problem: `\`/bottle extend\` takes the time to add, as in \`/bottle extend 2h\`: ${durationForm}; a year at most.`,
      }
    : { type: 'extend', byMs };
}
