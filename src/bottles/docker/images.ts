import type Docker from 'dockerode';
import { LaunchRefusedError } from '../../domain/errors.ts';
import type { BottlePaths } from '../directory.ts';
import { accepting } from './container.ts';
import { dataDigest, labelFilter } from './labels.ts';

/** What `images/Dockerfile` is built as; bottles start from it when their manifest names no image. */
export const defaultImage = 'bot-bottle-agent:latest';

/** Below what overlay2 can stack. Each freeze adds a layer. */
const mostLayers = 100;

/** @throws LaunchRefusedError when the Engine does not have it */
export async function checkImage(engine: Docker, name: string | undefined): Promise<void> {
  if ((await inspect(engine, name ?? defaultImage)) === undefined) throw missingImage(name);
}

/** Nothing is pulled on an agent's behalf. */
export function missingImage(name: string | undefined): LaunchRefusedError {
  return new LaunchRefusedError(
    name === undefined
      ? `The Docker Engine has no image \`${defaultImage}\`, which a bottle has whose manifest names none. Build it: \`docker build -t ${defaultImage} images/\`.`
      : `The Docker Engine has no image \`${name}\`. Pull it: \`docker pull ${name}\`.`,
  );
}

/** Its state is gone with it. */
export function missingFrozenImage(image: string): LaunchRefusedError {
  return new LaunchRefusedError(
    `The image that this bottle was frozen into (${image}) was removed from the Docker Engine. Destroy the bottle and begin anew.`,
  );
}

/**
 * Makes an image of a stopped container.
 * @param base the image that the container was made of
 * @returns the new one's digest
 */
export async function commitContainer(
  engine: Docker,
  id: string,
  base: string,
  paths: BottlePaths,
): Promise<string> {
  const name = { repo: `bot-bottle-frozen-${paths.slug}`, tag: dataDigest(paths) };
  const container = engine.getContainer(id);
  const layers = (await inspect(engine, base))?.RootFS.Layers?.length ?? 0;
  if (layers < mostLayers) return ((await container.commit(name)) as { Id: string }).Id;
  return await flatten(engine, container, name, paths);
}

/** Costs as much as the whole image, once in a hundred freezes. */
async function flatten(
  engine: Docker,
  container: Docker.Container,
  { repo, tag }: { repo: string; tag: string },
  paths: BottlePaths,
): Promise<string> {
  const changes = labelFilter(paths).label.map((label) => `LABEL ${label}`);
  const progress = await engine.importImage(await container.export(), { repo, tag, changes });
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
  return (await engine.getImage(`${repo}:${tag}`).inspect()).Id;
}

/** Removes a bottle's frozen images, but for the one given and those that it is built upon. */
export async function removeImages(
  engine: Docker,
  paths: BottlePaths,
  kept?: string,
): Promise<void> {
  const images = await engine.listImages({ filters: labelFilter(paths) });
  for (const { Id: id } of images.filter((image) => image.Id !== kept)) {
    // 409: another image is built upon it, and goes with it.
    await accepting([404, 409], engine.getImage(id).remove({ force: true }));
  }
}

async function inspect(
  engine: Docker,
  image: string,
): Promise<Docker.ImageInspectInfo | undefined> {
  try {
    return await engine.getImage(image).inspect();
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}
