import { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import { settings } from '../config/schema.ts';
import { CliError, exitCodes } from './cli-error.ts';
import type { GlobalOptions } from './global-options.ts';
import { helpText } from './help-text.ts';
import { colours, print, printJson } from './terminal.ts';

/** What became of a test notification on one way. */
interface Trial {
  readonly notifier: string;
  readonly host: string;
  readonly events: readonly string[];
  /** Why it did not arrive. */
  readonly problem: string | undefined;
}

/** Sends a test notification on each way that is set. */
export type NotifyTestHandler = (
  options: Pick<LoadOptions, 'configFile'>,
) => Promise<readonly Trial[]>;

export function notifyCommand(test: NotifyTestHandler): Command {
  return new Command('notify')
    .description('notifications: what people are told besides on the forge')
    .addHelpText('after', helpText(['orchestrator notify test']))
    .addCommand(testCommand(test));
}

function testCommand(test: NotifyTestHandler): Command {
  return new Command('test')
    .description('send a test notification on each way that is set, and say what happened')
    .addHelpText(
      'after',
      helpText(
        [
          'orchestrator notify test',
          "orchestrator notify test -o json | jq '.notifiers[] | select(.sent | not)'",
        ],
        'No orchestrator has to run: give it the environment and the settings file of yours. Ends with 4 if a notification is not taken.',
      ),
    )
    .action(async (_, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      const trials = await test(options.config === undefined ? {} : { configFile: options.config });
      if (trials.length === 0) {
        throw new CliError(
          exitCodes.usage,
          `No notification goes anywhere: set ${settings.notifyWebhookUrl.variable} or ${settings.notifyNtfyUrl.variable}.`,
        );
      }
      if (options.json) printJson({ notifiers: trials.map(view) });
      else trials.forEach((trial) => print(format(trial)));
      const failed = trials.filter(({ problem }) => problem !== undefined).length;
      if (failed > 0) {
        throw new CliError(
          exitCodes.checkFailed,
          `${failed} of ${trials.length} did not take a notification.`,
        );
      }
    });
}

function view({ notifier, host, events, problem }: Trial): object {
  return { notifier, host, events, sent: problem === undefined, problem: problem ?? null };
}

function format({ notifier, host, events, problem }: Trial): string {
  const name = colours.bold(`${notifier} at ${host}`);
  return problem === undefined
    ? `${colours.green('PASS')}  ${name}: sent. It gets ${events.join(', ') || 'nothing'}.`
    : `${colours.red('FAIL')}  ${name}: not sent, ${problem}.`;
}
