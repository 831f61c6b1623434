import { parseArgs } from 'node:util';
import type { SidecarMethod } from '../../domain/operation.ts';

/** What a `forge` command line asks for. */
export type Invocation =
  | { readonly kind: 'help'; readonly text: string }
  /** The same calls as tools, for an agent that speaks MCP to a program it starts. */
  | { readonly kind: 'mcp' }
  | {
      readonly kind: 'call';
      readonly method: SidecarMethod;
      readonly params: Readonly<Record<string, unknown>>;
      readonly json: boolean;
    };

/** The command line is not one of ours. The message says how it should be. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface InvocationContext {
  /** The numbers that a command without one means. */
  readonly issueNumber: number | undefined;
  readonly pullRequestNumber: number | undefined;
  /** Reads a file, or standard input for `-`. @throws when it cannot be read */
  readonly readText: (file: string) => string;
}

interface Command {
  readonly usage: string;
  readonly help: string;
  readonly example: string;
  readonly params: (
    line: CommandLine,
    context: InvocationContext,
  ) => Readonly<Record<string, unknown>>;
}

interface CommandLine {
  readonly words: readonly string[];
  readonly title: string | undefined;
  readonly body: string | undefined;
}

const commands: Record<SidecarMethod, Command> = {
  read_issue: {
    usage: 'read-issue [NUMBER]',
    help: 'Shows an issue; without a number, yours.',
    example: 'forge read-issue 12',
    params: (line, { issueNumber }) => ({ number: onlyNumber(line, issueNumber) }),
  },
  read_pr: {
    usage: 'read-pr [NUMBER]',
    help: 'Shows a pull request; without a number, yours, if this run began with one.',
    example: 'forge read-pr 13 --json',
    params: (line, { pullRequestNumber }) => ({ number: onlyNumber(line, pullRequestNumber) }),
  },
  read_comments: {
    usage: 'read-comments [NUMBER]',
    help: 'Shows the comments and reviews of an issue or pull request; without a number, of your issue.',
    example: 'forge read-comments 13',
    params: (line, { issueNumber }) => ({ number: onlyNumber(line, issueNumber) }),
  },
  post_comment: {
    usage: 'post-comment [NUMBER] (--body TEXT | FILE | -)',
    help: 'Posts a comment on your issue, or with its number on your pull request.',
    example: "forge post-comment 13 - <<'END'",
    params: (line, context) => numberAndBody(line, context),
  },
  update_description: {
    usage: 'update-description [NUMBER] (--body TEXT | FILE | -)',
    help: 'Replaces the description of your issue, or with its number of your pull request.',
    example: 'forge update-description 13 notes.md',
    params: (line, context) => numberAndBody(line, context),
  },
  open_pr: {
    usage: 'open-pr --title TEXT [--body TEXT | FILE | -]',
    help: 'Opens the pull request of your branch, or updates it. Push your commits before.',
    example: 'forge open-pr --title "Fix the parser" --body "It now takes empty input."',
    params({ words, title, body }, context) {
      if (title === undefined || words.length > 1) {
        throw new UsageError(
          'give --title, and the text by --body, as one file, or - for standard input',
        );
      }
      const [file] = words;
      return {
        title,
        body: body === undefined && file === undefined ? '' : bodyOf(body, file, context),
      };
    },
  },
  signal_done: {
    usage: 'signal-done (success | partial | failed | blocked) SUMMARY',
    help: 'Ends your run. Call it once, at the very end, whatever came of the task.',
    example: 'forge signal-done success "The parser takes empty input; a test shows it."',
    params({ words: [status, ...summary] }) {
      if (status === undefined || summary.length === 0) {
        throw new UsageError('give a status and a summary');
      }
      return { status, summary: summary.join(' ') };
    },
  },
};

const helpHint = 'See forge --help.';

/** Reads a command line. Names may be written with dashes or underscores. @throws UsageError */
export function parseInvocation(argv: readonly string[], context: InvocationContext): Invocation {
  const { values, positionals } = parseLine(argv);
  const [name, ...words] = positionals;
  if (name === undefined || name === 'help' || (name === 'mcp' && values.help === true)) {
    if (name === undefined && values.help !== true) {
      throw new UsageError(`a command is missing. ${helpHint}`);
    }
    return { kind: 'help', text: generalHelp() };
  }
  if (name === 'mcp') {
    if (argv.length > 1) {
      throw new UsageError('mcp takes nothing more: it is spoken to on standard input');
    }
    return { kind: 'mcp' };
  }
  const method = name.replaceAll('-', '_');
  if (!isCommand(method)) {
    const known = [...Object.keys(commands).map(dashed), 'mcp'].join(', ');
    throw new UsageError(`there is no command ${JSON.stringify(name)}. There are ${known}.`);
  }
  const command = commands[method];
  if (values.help === true) {
    return { kind: 'help', text: commandHelp(command) };
  }
  if (values.title !== undefined && method !== 'open_pr') {
    throw new UsageError(`${dashed(method)} takes no --title. Usage: forge ${command.usage}`);
  }
  if (values.body !== undefined && !command.usage.includes('--body')) {
    throw new UsageError(`${dashed(method)} takes no --body. Usage: forge ${command.usage}`);
  }
  try {
    const params = command.params({ words, title: values.title, body: values.body }, context);
    return { kind: 'call', method, params, json: values.json === true };
  } catch (error) {
    if (error instanceof UsageError) {
      throw new UsageError(`${error.message}. Usage: forge ${command.usage}`);
    }
    throw error;
  }
}

function parseLine(argv: readonly string[]) {
  try {
    return parseArgs({
      args: withJoinedTexts(argv),
      options: {
        title: { type: 'string' },
        body: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message} ${helpHint}`);
  }
}

/** `--body "- a list"` as one word: a text may well begin with a dash. */
function withJoinedTexts(argv: readonly string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    const next = argv[i + 1];
    if ((word === '--body' || word === '--title') && next !== undefined) {
      joined.push(`${word}=${next}`);
      i++;
    } else {
      joined.push(word);
    }
  }
  return joined;
}

function onlyNumber({ words }: CommandLine, preset: number | undefined): number {
  if (words.length > 1) {
    throw new UsageError('one number is enough');
  }
  const [word] = words;
  return word === undefined ? presetNumber(preset) : parseNumber(word);
}

function numberAndBody({ words, body }: CommandLine, context: InvocationContext) {
  const [first, ...rest] = words;
  const numbered = first !== undefined && isNumber(first);
  const [file, ...more] = numbered ? rest : words;
  if (more.length > 0) {
    throw new UsageError('give one text: quote it after --body');
  }
  return {
    number: numbered ? parseNumber(first) : presetNumber(context.issueNumber),
    body: bodyOf(body, file, context),
  };
}

function bodyOf(body: string | undefined, file: string | undefined, context: InvocationContext) {
  if (body !== undefined && file !== undefined) {
    throw new UsageError('give the text by --body or by a file, not both');
  }
  if (body !== undefined && body !== '-') {
    return body;
  }
  if (body === undefined && file === undefined) {
    throw new UsageError('the text is missing: give --body TEXT, a file, or - for standard input');
  }
  return context.readText(file ?? '-');
}

function presetNumber(preset: number | undefined): number {
  if (preset === undefined) {
    throw new UsageError('the number is missing');
  }
  return preset;
}

function parseNumber(word: string): number {
  if (!isNumber(word)) {
    throw new UsageError(`${JSON.stringify(word)} is not a number`);
  }
  return Number(word.replace('#', ''));
}

function isNumber(word: string): boolean {
  return /^#?\d{1,10}$/.test(word);
}

function isCommand(method: string): method is SidecarMethod {
  return Object.hasOwn(commands, method);
}

function dashed(method: string): string {
  return method.replaceAll('_', '-');
}

function generalHelp(): string {
  const list = Object.values(commands)
    .map(({ usage, help }) => `  ${usage}\n      ${help}`)
    .join('\n');
  const examples = Object.values(commands)
    .map(({ example }) => `  ${example}`)
    .join('\n');
  return `forge: your issue and your pull request, from inside the bottle.

Usage: forge COMMAND [--json] [--help]

Commands:
${list}
  mcp
      Offers the same as tools over MCP on standard input and output, until the input ends.

You may read everything in this repository. You may write to your own issue and your own pull request.
Exit codes: 0 done, 1 refused or failed (the message says what to do), 2 not understood.

Examples:
${examples}
`;
}

function commandHelp({ usage, help, example }: Command): string {
  return `Usage: forge ${usage} [--json]\n\n${help}\n\nExample:\n  ${example}\n`;
}
