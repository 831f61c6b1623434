import { Command, InvalidArgumentError } from 'commander';
import { connect } from './connect.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { findIssue, issueArgument, type IssueWord } from './issue-name.ts';
import { TerminalFilter } from './terminal-filter.ts';

interface LogsOptions extends GlobalOptions {
  readonly follow?: true;
  readonly run?: number;
}

export function logsCommand(): Command {
  return new Command('logs')
    .description("print a run's output as the agent wrote it")
    .addArgument(issueArgument())
    .option('-f, --follow', 'go on until the run has ended')
    .option('--run <number>', 'a run of the newest life (default: its latest)', readRunNumber)
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator logs -f acme/rocket#3',
          'orchestrator logs acme/rocket#3 --run 1 > first-run.log',
          'orchestrator logs -f 3 -o json | jq -r .line',
        ],
        'On a terminal without what would move its cursor or change its title; elsewhere byte for byte. As JSON it is one object a line.',
      ),
    )
    .action(async (issue: IssueWord, _, command: Command) => {
      const options: LogsOptions = command.optsWithGlobals();
      const client = connect(options);
      const name = await findIssue(issue, client);
      const output = client.log(name, options.run, options.follow ?? false);
      if (options.json) {
        await writeAsJsonLines(output);
      } else if (process.stdout.isTTY) {
        await writeToTerminal(output);
      } else {
        for await (const chunk of output) {
          await write(chunk);
        }
      }
    });
}

function readRunNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new InvalidArgumentError('It is a whole number from 1 on.');
  }
  return Number(text);
}

async function writeToTerminal(output: AsyncIterable<Uint8Array>): Promise<void> {
  const filter = new TerminalFilter();
  for await (const text of decode(output)) {
    await write(filter.pass(text));
  }
}

async function writeAsJsonLines(output: AsyncIterable<Uint8Array>): Promise<void> {
  let rest = '';
  for await (const text of decode(output)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    await write(lines.map((line) => `${JSON.stringify({ line })}\n`).join(''));
  }
  if (rest !== '') {
    await write(`${JSON.stringify({ line: rest })}\n`);
  }
}

async function* decode(output: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of output) {
    yield decoder.decode(chunk, { stream: true });
  }
  yield decoder.decode();
}

/** Waits for a slow reader: a log can be larger than memory should be. */
function write(chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(chunk, () => resolve());
  });
}
