import { engineAddress, openEngine } from '../bottles/docker/engine.ts';
import { defaultBackend, usableBackends } from '../bottles/registry.ts';
import type { FoundBackends } from './backends.ts';
import { pass, type Check } from './check.ts';
import { examineDisk } from './disk.ts';
import type { ExaminedManifests } from './manifests.ts';

export interface DockerParts {
  /** `DOCKER_HOST`. */
  readonly dockerHost: string | undefined;
  readonly findBackends: () => Promise<FoundBackends>;
  readonly readManifests: () => Promise<ExaminedManifests>;
}

/** Where Docker Engine keeps images, those of frozen bottles too. */
export function dockerDiskCheck({ dockerHost, findBackends, readManifests }: DockerParts): Check {
  return {
    name: 'disk of Docker',
    async run() {
      const [{ bottles }, found] = await Promise.all([readManifests(), findBackends()]);
      const usable = usableBackends(found);
      const usual = defaultBackend(usable);
      if (![...bottles.values()].some(({ backend }) => (backend ?? usual) === 'docker')) {
        return [pass('no bottle is in a container')];
      }
      const address = engineAddress(dockerHost);
      if (!usable.has('docker') || !('socket' in address)) {
        return [{ verdict: 'skipped', seen: 'needs the backend docker' }];
      }
      const engine = await openEngine(address.socket);
      const { DockerRootDir: path } = (await engine.info()) as { DockerRootDir: string };
      return await examineDisk(path);
    },
  };
}
