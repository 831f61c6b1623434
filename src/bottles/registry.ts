import type { BackendName } from '../domain/bottle.ts';
import type { BackendCheck, BottleBackend } from './backend.ts';
import { createBotBottleCliBackend } from './bot-bottle-cli/bot-bottle-cli-backend.ts';
import type { CliSettings } from './bot-bottle-cli/cli-state.ts';
import { createDockerBackend } from './docker/docker-backend.ts';
import { createLocalBackend } from './local/local-backend.ts';

const available: readonly BackendName[] = ['local', 'docker', 'bot-bottle'];

/** For bottles whose manifest names none, the preferred one first. */
const preferred: readonly BackendName[] = ['local', 'docker'];

export interface BackendSettings {
  /** `DOCKER_HOST`. */
  readonly dockerHost?: string | undefined;
  readonly botBottleCli?: CliSettings;
}

export function createBackend(name: BackendName, settings: BackendSettings = {}): BottleBackend {
  switch (name) {
    case 'local':
      return createLocalBackend();
    case 'docker':
      return createDockerBackend(settings.dockerHost);
    case 'bot-bottle':
      return createBotBottleCliBackend(settings.botBottleCli);
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

/** The backend of bottles whose manifest names none: the first that works, or, where none does, the first. */
export function defaultBackend(usable: ReadonlyMap<BackendName, BottleBackend>): BackendName {
  return preferred.find((name) => usable.has(name)) ?? 'local';
}
