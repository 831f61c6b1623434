import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import Docker from 'dockerode';
import { ensureDebianPackages } from './debian-packages.ts';
import { readToolEnvironment, type Report, type ToolEnvironment } from './environment.ts';
import { runProgram } from './program.ts';
import { provide } from './provide.ts';

/** Counts up when what is in the image changes. */
const VERSION = 'bookworm-1';
const REPOSITORY = 'bot-bottle-debian';
const PACKAGES = ['ca-certificates', 'curl', 'git'];
/** Of no use in a bottle. */
const SUPERFLUOUS = [
  'usr/share/doc',
  'usr/share/info',
  'usr/share/locale',
  'usr/share/man',
  'var/cache/apt',
  'var/lib/apt/lists',
];

/**
 * Makes sure that an Engine has the image for tests and demo, a small Debian with git, without asking a registry of images: it is
 * made of Debian's packages once, and imported where it is missing.
 * @param host as `DOCKER_HOST` has it
 * @returns the image's name
 */
export async function ensureDockerImage(
  host: string,
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
): Promise<string> {
  const name = `${REPOSITORY}:${VERSION}`;
  const engine = new Docker({ socketPath: host.replace('unix://', '') });
  const found = await engine.listImages({ filters: { reference: [name] } });
  if (found.length > 0) return name;
  const archive = await ensureImageArchive(report, environment);
  report(`importing the image ${name}`);
  const progress = await engine.importImage(archive, { repo: REPOSITORY, tag: VERSION });
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
  return name;
}

/** The image's files as a tar archive in the cache. Safe to call from several processes at once. */
export async function ensureImageArchive(
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
): Promise<string> {
  const folder = await provide(
    {
      name: 'docker-image',
      version: VERSION,
      title: 'image for bottles',
      reason: 'it is not in the cache',
      ways: [
        {
          doing: "making a small Debian of Debian's packages, about 40 s",
          fill: (target) => bootstrap(target, report, environment),
        },
      ],
      remedy: 'It needs root and debootstrap, on Debian: apt-get install debootstrap.',
    },
    environment.cacheDirectory,
    report,
  );
  return join(folder, 'root.tar');
}

async function bootstrap(
  folder: string,
  report: Report,
  environment: ToolEnvironment,
): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('this process is not root');
  await ensureDebianPackages(report, environment, { debootstrap: 'debootstrap' });
  const root = join(folder, 'root');
  const mirror = environment.variables['DEBIAN_MIRROR'] || 'http://deb.debian.org/debian';
  const options = ['--variant=minbase', `--include=${PACKAGES.join(',')}`];
  await runProgram('debootstrap', [...options, 'bookworm', root, mirror]);
  for (const path of SUPERFLUOUS) await rm(join(root, path), { recursive: true, force: true });
  await runProgram('tar', ['-C', root, '--numeric-owner', '-cf', join(folder, 'root.tar'), '.']);
  await rm(root, { recursive: true, force: true });
}
