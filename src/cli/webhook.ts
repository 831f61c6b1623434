import { Command } from 'commander';
import type { ClientLoadOptions } from '../config/load.ts';
import type { SetupFlags } from '../config/load-setup.ts';
import type { Place } from '../forges/forge-setup.ts';
import type { WebhookAction, WebhookReport } from '../setup/handle-webhook.ts';
import { formatPlace } from '../setup/place.ts';
import { CliError, exitCodes } from './cli-error.ts';
import { clientOptions } from './connect.ts';
import { helpText } from './help-text.ts';
import { interruptible } from './interruptible.ts';
import { readPlace } from './place-argument.ts';
import { setupFlags, withSetupOptions, type SetupOptions } from './setup-options.ts';
import { colours, print, printJson } from './terminal.ts';
import { verdictLabel } from './verdict-label.ts';
import { deliveriesCommand } from './webhook-deliveries.ts';

/** @throws SetupStoppedError when it cannot be done with the tokens and settings that there are, and ForgeError */
export type WebhookHandler = (
  flags: SetupFlags,
  client: ClientLoadOptions,
  action: WebhookAction,
  place: Place,
  signal: AbortSignal,
) => Promise<WebhookReport>;

export function webhookCommand(handle: WebhookHandler): Command {
  return new Command('webhook')
    .description('make, test and mend the webhooks by which the forge tells of what happens')
    .addHelpText(
      'after',
      helpText(['orchestrator webhook test acme/rocket', 'orchestrator webhook deliveries']),
    )
    .addCommand(
      actionCommand(handle, 'install')
        .description('make the webhook of a repository or an org, and prove it')
        .addHelpText('after', actionHelp('install', ['acme/rocket', 'acme'])),
    )
    .addCommand(
      actionCommand(handle, 'test')
        .description('have the forge deliver one event, and see it arrive')
        .addHelpText(
          'after',
          actionHelp(
            'test',
            ['acme/rocket'],
            "The forge delivers an event that means nothing: for that moment the webhook's address has a parameter by which the orchestrator knows it again. It tests address, network, ALLOWED_HOST_LIST and secret in one.",
          ),
        ),
    )
    .addCommand(
      actionCommand(handle, 'repair')
        .description('put address, events and secret of the webhook right, and prove it')
        .addHelpText('after', actionHelp('repair', ['acme/rocket'])),
    )
    .addCommand(deliveriesCommand());
}

function actionCommand(handle: WebhookHandler, action: WebhookAction): Command {
  return withSetupOptions(new Command(action))
    .argument('<owner/repo | org>', 'whose webhook', readPlace)
    .action(async (place: Place, _, command: Command) => {
      const options: SetupOptions = command.optsWithGlobals();
      const report = await interruptible((signal) =>
        handle(setupFlags(options), clientOptions(options), action, place, signal),
      );
      if (options.json) printJson(toJson(place, report));
      else tell(report);
      if (report.outcome !== 'arrived') {
        throw new CliError(
          exitCodes.checkFailed,
          report.advice ?? `${formatPlace(place)} has no webhook that works.`,
        );
      }
      if (report.problems.length > 0) {
        throw new CliError(
          exitCodes.checkFailed,
          `What is wrong is mended by: orchestrator webhook repair ${formatPlace(place)}`,
        );
      }
    });
}

/** What is not there is null. */
function toJson(place: Place, report: WebhookReport): object {
  const { outcome = null, advice = null } = report;
  return { place: formatPlace(place), ...report, outcome, advice };
}

function tell({ url, changes, problems, outcome }: WebhookReport): void {
  changes.forEach((change) => print(`${colours.green('DONE')}  ${change}`));
  problems.forEach((problem) => print(`${verdictLabel('fail')}  ${problem}`));
  if (outcome === 'arrived') {
    print(`${verdictLabel('pass')}  a delivery to ${url} arrived, with the right signature`);
  } else if (outcome === 'untestable') {
    print(`${verdictLabel('warn')}  no delivery to ${url} could be tried`);
  } else {
    print(`${verdictLabel('fail')}  no delivery came through to ${url}`);
  }
}

function actionHelp(
  action: WebhookAction,
  places: readonly string[],
  ...about: readonly string[]
): () => string {
  return helpText(
    places.map((place) => `orchestrator webhook ${action} ${place} --setup-token-file ~/my-token`),
    ...about,
    `It takes a token of somebody who administrates the place: --setup-token-file, FORGE_SETUP_TOKEN or FORGE_SETUP_TOKEN_FILE. Ends with ${exitCodes.checkFailed} if no delivery comes through.`,
  );
}
