import type { BottleBackend, PrepareRequest } from '../backend.ts';
import type { BottlePaths } from '../directory.ts';
import { makeStateDirectories } from '../state-directories.ts';
import { writeAccounts } from './accounts.ts';
import { containerOptions } from './container-options.ts';
import { Container } from './container.ts';
import { spawnContainer } from './container-sandbox.ts';
import { readDockerState, writeDockerState } from './docker-state.ts';
import { checkEngine, engineAddress, openEngine } from './engine.ts';
import { EngineError } from './engine-call.ts';
import {
  checkImage,
  commitContainer,
  defaultImage,
  missingFrozenImage,
  missingImage,
  removeImages,
} from './images.ts';
import { labelFilter } from './labels.ts';

/**
 * Bottles as containers of a Docker Engine on this machine, without a network. Working copy and home are directories of the host;
 * whatever else an agent writes is kept in an image that is made at the freeze.
 * @param dockerHost what `DOCKER_HOST` says
 */
export function createDockerBackend(dockerHost?: string): BottleBackend {
  const address = engineAddress(dockerHost);
  const socket = (): string => {
    if ('socket' in address) return address.socket;
    throw new Error(`${address.reason}. ${address.fix}`);
  };
  return {
    name: 'docker',
    check: async () =>
      'socket' in address ? await checkEngine(address.socket) : { usable: false, ...address },
    async checkImage(image) {
      await checkImage(await openEngine(socket()), image);
    },
    prepare: (run) => prepare(socket(), run),
    spawn: spawnContainer,
    freeze: (paths) => freeze(socket(), paths),
    async destroy(paths) {
      for (const { container } of await listContainers(socket(), paths)) await container.remove();
      await removeImages(await openEngine(socket()), paths);
    },
  };
}

/**
 * Creates the run's container and asks for its start, which takes longer than all else of a launch: the supervisor asks for it
 * too, and hears how it went.
 */
async function prepare(socket: string, run: PrepareRequest): Promise<void> {
  const { paths } = run;
  // What a run left that nobody froze. A bottle that was never prepared has no containers.
  if (readDockerState(paths) !== undefined) await freeze(socket, paths);
  const state = readDockerState(paths);
  const frozen = state?.frozen === true ? state.image : undefined;
  const image = frozen ?? run.image ?? defaultImage;
  makeStateDirectories(paths);
  writeAccounts(paths);
  await writeDockerState(paths, { socket, image, frozen: frozen !== undefined });
  const container = await Container.create(socket, containerOptions(run, image)).catch(
    (error: unknown) => {
      if (!(error instanceof EngineError) || error.statusCode !== 404) throw error;
      throw frozen === undefined ? missingImage(run.image) : missingFrozenImage(frozen);
    },
  );
  container.start().catch(() => {});
}

/**
 * Ends the bottle's containers, makes the image that the next run starts from, and only then removes what it was made of.
 * Cut short, it is done again.
 */
async function freeze(socket: string, paths: BottlePaths): Promise<void> {
  const listed = await listContainers(socket, paths);
  for (const { container, state } of listed) if (state !== 'exited') await container.end();
  // One that was only created has no state: its supervisor died first.
  const newest = listed.find(({ state }) => state !== 'created');
  if (newest !== undefined) {
    const engine = await openEngine(socket);
    const image = await commitContainer(engine, newest.id, newest.base, paths);
    await writeDockerState(paths, { socket, image, frozen: true });
    await Promise.all([newest.container.remove(), removeImages(engine, paths, image)]);
  }
  for (const { container } of listed) if (container !== newest?.container) await container.remove();
}

interface Listed {
  readonly id: string;
  readonly container: Container;
  readonly state: string;
  /** Digest of the image that it was made of. */
  readonly base: string;
}

/** The newest first. */
async function listContainers(socket: string, paths: BottlePaths): Promise<Listed[]> {
  const engine = await openEngine(socket);
  const found = await engine.listContainers({ all: true, filters: labelFilter(paths) });
  return found
    .toSorted((a, b) => b.Created - a.Created)
    .map(({ Id: id, State: state, ImageID: base }) => ({
      id,
      container: new Container(socket, id),
      state,
      base,
    }));
}
