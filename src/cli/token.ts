import { Command, Option } from 'commander';
import type { TokenView } from '../api/views/token.ts';
import { tokenScopes, type TokenScope } from '../domain/api-token.ts';
import { durationForm } from '../domain/duration.ts';
import { formatTime, isoTime, readClock, type Clock } from './clock.ts';
import { connect } from './connect.ts';
import { readDuration } from './duration-argument.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { formatTable, type Column } from './table.ts';
import { colours, print, printJson, terminalWidth } from './terminal.ts';

export function tokenCommand(): Command {
  return new Command('token')
    .description("make, list and revoke tokens of the orchestrator's API")
    .addHelpText(
      'after',
      helpText(
        ['orchestrator token create dashboard --scope read', 'orchestrator token list'],
        'A token is for a program or a person that uses the API, here or from elsewhere. Tokens are managed with the one in the file api-token in the data directory, which is not listed: to replace it, remove the file and start the orchestrator again.',
      ),
    )
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand());
}

interface CreateOptions extends GlobalOptions {
  readonly scope: TokenScope;
  /** Milliseconds. */
  readonly expires?: number;
}

function createCommand(): Command {
  return new Command('create')
    .description('make a token, and show it this once')
    .argument('<name>', 'what it is for, or who has it: letters, digits, dots, dashes, underscores')
    .addOption(
      new Option('--scope <scope>', 'read: ask; write: also give commands')
        .choices(tokenScopes)
        .default('write'),
    )
    .option(
      '--expires <duration>',
      `after how long it counts no more: ${durationForm}`,
      readDuration,
    )
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator token create dashboard --scope read',
          '(umask 077; orchestrator token create ci --expires 90d > ci-token)',
          'orchestrator status --url https://bottles.example.com --token-file ci-token',
        ],
        'Only the token is written to stdout. The orchestrator keeps its digest and cannot show it again.',
      ),
    )
    .action(async (name: string, _, command: Command) => {
      const options: CreateOptions = command.optsWithGlobals();
      const created = await connect(options).createToken({
        name,
        scope: options.scope,
        ...(options.expires !== undefined && { expiresInSeconds: options.expires / 1000 }),
      });
      if (options.json) {
        printJson(created);
        return;
      }
      print(created.token);
      const end =
        created.expiresAt === null
          ? 'until it is revoked'
          : `until ${isoTime(Date.parse(created.expiresAt))}`;
      process.stderr.write(
        `Token ${created.name} (${created.scope}) counts ${end}. It is not shown again.\n`,
      );
    });
}

function listCommand(): Command {
  return new Command('list')
    .description('list the tokens: what they may, when they were made and last used')
    .addHelpText(
      'after',
      helpText([
        'orchestrator token list',
        "orchestrator token list --json | jq -r '.tokens[] | select(.expired) | .name'",
      ]),
    )
    .action(async (_, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const { tokens } = await connect(options).tokens();
      if (options.json) printJson({ tokens });
      else print(formatTokens(tokens, terminalWidth(), readClock(options)));
    });
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('revoke a token: from now on it counts no more')
    .argument('<name>', 'as `token list` shows it')
    .addHelpText('after', helpText(['orchestrator token revoke ci']))
    .action(async (name: string, _, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      await connect(options).revokeToken(name);
      if (options.json) printJson({ name, revoked: true });
      else print(`Token ${name} counts no more.`);
    });
}

function formatTokens(
  tokens: readonly TokenView[],
  width: number | undefined,
  clock: Clock,
): string {
  if (tokens.length === 0) {
    return 'No tokens besides the one in the data directory. `orchestrator token create <name>` makes one.';
  }
  const columns: Column<TokenView>[] = [
    { header: 'NAME', text: ({ name }) => name, shrink: { least: 8, keep: 'start' } },
    { header: 'SCOPE', text: ({ scope }) => scope },
    { header: 'CREATED', text: ({ createdAt }) => formatTime(createdAt, clock) },
    {
      header: 'USED',
      text: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : formatTime(lastUsedAt, clock)),
    },
    {
      header: 'EXPIRES',
      text: ({ expiresAt, expired }) =>
        expiresAt === null ? 'never' : expired ? 'expired' : formatTime(expiresAt, clock),
      colour: ({ expired }, text) => (expired ? colours.red(text) : text),
    },
  ];
  return formatTable(columns, tokens, width);
}
