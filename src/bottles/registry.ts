import type { BackendName } from '../domain/bottle.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { BackendCheck, BottleBackend } from './backend.ts';
import { createDockerBackend } from './docker/docker-backend.ts';
import { createLocalBackend } from './local/local-backend.ts';

/** The preferred one first. */
const available: readonly BackendName[] = ['local', 'docker'];

export interface BackendSettings {
  /** `DOCKER_HOST`. */
  readonly dockerHost?: string | undefined;
}

/** @throws LaunchRefusedError when this version has no such backend */
export function createBackend(name: BackendName, settings: BackendSettings = {}): BottleBackend {
  switch (name) {
    case 'local':
      return createLocalBackend();
    case 'docker':
      return createDockerBackend(settings.dockerHost);
    case 'bot-bottle':
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

/** The backend of bottles whose manifest names none: the first that works, or, where none does, the first. */
export function defaultBackend(usable: ReadonlyMap<BackendName, BottleBackend>): BackendName {
  return available.find((name) => usable.has(name)) ?? 'local';
}
