import { Option, type Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import { timeStyles, type TimeStyle } from './clock.ts';
import { colourChoices, chooseColours, type ColourChoice } from './terminal.ts';

/** Options of the program, which every command understands: `command.optsWithGlobals()`. */
export interface GlobalOptions {
  /** Path of `orchestrator.toml`. */
  readonly config?: string;
  readonly url?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  /** `--json`, or `-o json`. */
  readonly json?: true;
  readonly time: TimeStyle;
  readonly color: ColourChoice;
}

/** Gives the program its options. Before a command's action they are in effect. */
export function addGlobalOptions(program: Command): void {
  program
    .option('--config <file>', 'settings file (default: orchestrator.toml in the data directory)')
    .option('--url <address>', 'where the orchestrator is (default: this machine)')
    .option(
      '--token-file <file>',
      "file with the API's token (default: api-token in the data directory)",
    )
    .addOption(
      new Option(
        '--token <token>',
        'the token itself, which all users of this machine can read in the list of processes',
      ).conflicts('tokenFile'),
    )
    .addOption(
      new Option('-o, --output <format>', 'what is printed')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--json', 'the same as -o json')
    .addOption(
      new Option('--time <style>', 'times in text; in JSON they are always ISO')
        .choices(timeStyles)
        .default('relative'),
    )
    .addOption(
      new Option('--color <when>', 'auto: on a terminal').choices(colourChoices).default('auto'),
    )
    .hook('preAction', () => {
      const { output, color } = program.opts<{ output: string; color: ColourChoice }>();
      if (output === 'json') {
        program.setOptionValue('json', true);
      }
      chooseColours(color);
    });
}

/** Where the settings are, and with them the data directory. */
export function loadOptions({ config }: GlobalOptions): LoadOptions {
  return config === undefined ? {} : { configFile: config };
}
