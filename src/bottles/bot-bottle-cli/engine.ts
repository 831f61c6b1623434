import { runBesideCli } from './cli-command.ts';
import type { CliBottle, CliSettings } from './cli-state.ts';

/** What the CLI has no command for is asked of its engines, by the names that it gives to a bottle's things. */

const askMs = 30_000;
const stopMs = 60_000;

/** Whether docker has the bottle's container, running or not. */
export async function hasContainer(settings: CliSettings, slug: string): Promise<boolean> {
  return (await askDocker(settings, 'container', ['--all', ...named(slug)])) !== '';
}

/** Id of the image that docker has of the bottle's last commit, empty when there is none. */
export async function committedImage(settings: CliSettings, slug: string): Promise<string> {
  return await askDocker(settings, 'image', [`bot-bottle-committed-${slug}:latest`]);
}

/**
 * Stops what runs on when the CLI was killed: the agent is in the engine's hands, not in the CLI's. Does nothing when nothing
 * runs, and for engines that cannot be told.
 */
export async function stopBottle(
  settings: CliSettings,
  { slug, engine }: CliBottle,
): Promise<void> {
  const name = `bot-bottle-${slug}`;
  if (engine === 'docker') {
    const running = [...named(slug), '--filter', 'status=running'];
    if ((await askDocker(settings, 'container', running)) === '') return;
    const argv = ['docker', 'container', 'stop', '--time', '5', name] as const;
    await runBesideCli(settings, argv, { timeoutMs: stopMs });
  } else if (engine === 'smolmachines') {
    const argv = ['smolvm', 'machine', 'stop', '--name', name] as const;
    // It fails also for a machine that is stopped, or gone: there is no telling.
    await runBesideCli(settings, argv, { timeoutMs: stopMs }).catch(() => {});
  }
}

function named(slug: string): string[] {
  return ['--filter', `name=^bot-bottle-${slug}$`];
}

/** Ids, empty when there are none. */
async function askDocker(
  settings: CliSettings,
  noun: 'container' | 'image',
  rest: readonly string[],
): Promise<string> {
  const argv = ['docker', noun, 'ls', '--no-trunc', '--quiet', ...rest] as const;
  return (await runBesideCli(settings, argv, { timeoutMs: askMs })).stdout.trim();
}
