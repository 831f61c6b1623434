import type { BackendName } from '../domain/bottle.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { BottleBackend } from './backend.ts';
import { createLocalBackend } from './local/local-backend.ts';

const factories: Partial<Record<BackendName, () => BottleBackend>> = {
  local: createLocalBackend,
};

/** @throws LaunchRefusedError when this version has no such backend */
export function createBackend(name: BackendName): BottleBackend {
  const create = factories[name];
  if (create === undefined) throw new LaunchRefusedError(`there is no bottle backend ${name}`);
  return create();
}
