import type { BackendName } from '../domain/bottle.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { BackendCheck, BottleBackend } from './backend.ts';
import { createBotBottleCliBackend } from './bot-bottle-cli/bot-bottle-cli-backend.ts';
import type { CliSettings } from './bot-bottle-cli/cli-state.ts';
import { createLocalBackend } from './local/local-backend.ts';

/** In the order in which they are told of. */
const available: readonly BackendName[] = ['local', 'bot-bottle'];

export interface BackendSettings {
  readonly botBottleCli?: CliSettings;
}

/** @throws LaunchRefusedError when this version has no such backend */
export function createBackend(name: BackendName, settings: BackendSettings = {}): BottleBackend {
  switch (name) {
    case 'local':
      return createLocalBackend();
    case 'bot-bottle':
      return createBotBottleCliBackend(settings.botBottleCli);
    case 'docker':
      throw new LaunchRefusedError(`there is no bottle backend ${name}`);
  }
}

/** Looks which backends work on this machine. */
export async function findBackends(
  settings: BackendSettings,
): Promise<{ readonly backend: BottleBackend; readonly check: BackendCheck }[]> {
  return await Promise.all(
    available.map(async (name) => {
      const backend = createBackend(name, settings);
      return { backend, check: await backend.check() };
    }),
  );
}

/** Those that work, as a host takes them. */
export function usableBackends(
  found: Awaited<ReturnType<typeof findBackends>>,
): ReadonlyMap<BackendName, BottleBackend> {
  const usable = found.filter(({ check }) => check.usable);
  return new Map(usable.map(({ backend }) => [backend.name, backend]));
}
