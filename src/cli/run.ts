import { Command } from 'commander';
import type { LoadOptions } from '../config/load.ts';
import { settings, type Setting } from '../config/schema.ts';
import { aboutText, examplesText, listText } from './help-text.ts';
import { explainListenError } from './listen-error.ts';
import { runOptions, withRunOptions, type RunOptions } from './run-options.ts';

/** Runs the orchestrator until it is told to stop. */
export type RunHandler = (options: LoadOptions) => Promise<void>;

export function runCommand(run: RunHandler): Command {
  return withRunOptions(new Command('run'))
    .description('run the orchestrator: webhooks, API, workflows, and the bottles of this host')
    .addHelpText('after', runHelp)
    .action(async (_, command: Command) => {
      const options: RunOptions = command.optsWithGlobals();
      await run(runOptions(options)).catch((error: unknown) => {
        throw explainListenError(error);
      });
    });
}

function runHelp(): string {
  const pairs = Object.values(settings).map(
    ({ variable, description, ...setting }: Setting): [string, string] => {
      const orFile = setting.secret ? ` Or ${variable}_FILE with the path of a file.` : '';
      const byDefault = setting.default === undefined ? '' : ` Default: ${setting.default}.`;
      return [variable, `${description} Accepted: ${setting.form}.${orFile}${byDefault}`];
    },
  );
  return [
    aboutText(
      'Settings come from the environment or from orchestrator.toml, where their names are in lower case and without orchestrator_. Temporal is found by TEMPORAL_ADDRESS (default: localhost:7233), TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and the rest of its own environment configuration.',
    ),
    examplesText([
      `FORGE_GITEA_API=https://gitea.example.com/api/v1 \\
  FORGE_TOKEN_FILE=~/forge-token FORGE_WEBHOOK_SECRET_FILE=~/webhook-secret \\
  orchestrator run`,
    ]),
    listText('Settings', pairs),
  ].join('\n');
}
