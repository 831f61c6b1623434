import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDebianPackages } from './debian-packages.ts';
import { readToolEnvironment, type Report, type ToolEnvironment } from './environment.ts';
import { findProgram, runProgram } from './program.ts';
import { provide } from './provide.ts';
import { isAtLeast, type MajorMinor } from './version.ts';

/** From here on `env_file` may be absent. */
const OLDEST: MajorMinor = [2, 24];

/** Where the plugin of Docker's command line lies. It is a program by itself. */
const pluginFolders = ['/usr/local/lib', '/usr/local/libexec', '/usr/lib', '/usr/libexec'].map(
  (folder) => `${folder}/docker/cli-plugins`,
);

/**
 * The path of a `docker-compose` of version 2 that can be run without Docker's command line: the machine's, else the cache's, else out of Debian's
 * package. Safe to call from several processes at once. Rejects with one message that names what to install.
 */
export async function ensureDockerCompose(
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
): Promise<string> {
  const places = [environment.path, ...pluginFolders].join(':');
  const installed = findProgram('docker-compose', places);
  const objection = installed === undefined ? undefined : await whyUnusable(installed);
  if (installed !== undefined && objection === undefined) return installed;
  const folder = await provide(
    {
      name: 'docker-compose',
      version: 'trixie',
      title: 'Docker Compose of Debian',
      reason: objection ?? 'docker-compose is not on the PATH',
      ways: [
        {
          doing: "taking Docker Compose out of Debian's package",
          fill: (target) => takeFromDebian(target, report, environment),
        },
      ],
      remedy: `Install Docker Compose ${OLDEST.join('.')} or newer (docs.docker.com/compose/install).`,
    },
    environment.cacheDirectory,
    report,
  );
  return join(folder, 'docker-compose');
}

async function whyUnusable(binary: string): Promise<string | undefined> {
  const version = await runProgram(binary, ['version', '--short']).catch(() => '');
  return isAtLeast(version.trim().replace(/^v/, ''), OLDEST)
    ? undefined
    : `${binary} is no Docker Compose ${OLDEST.join('.')} or newer`;
}

/** Debian 12 itself has version 1 only. Nothing is installed; apt checks who signed what. */
async function takeFromDebian(
  folder: string,
  report: Report,
  environment: ToolEnvironment,
): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('this process is not root');
  await ensureDebianPackages(report, environment, { 'apt-get': 'apt', 'dpkg-deb': 'dpkg' });
  const mirror = environment.variables['DEBIAN_MIRROR'] || 'http://deb.debian.org/debian';
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const apt = join(folder, 'apt');
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true });
  await writeFile(join(apt, 'sources.list'), `deb [signed-by=${keys}] ${mirror} trixie main\n`);
  const settings = {
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::Cache': apt,
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const run = (command: string): Promise<string> =>
    runProgram('sh', ['-ec', command, 'sh', ...options], { cwd: apt });
  await run('apt-get "$@" --quiet update');
  await run('apt-get "$@" --quiet download docker-compose; dpkg-deb --extract *.deb files');
  const plugin = ['usr/libexec', 'usr/lib']
    .map((place) => join(apt, 'files', place, 'docker/cli-plugins/docker-compose'))
    .find((file) => existsSync(file));
  if (plugin === undefined) throw new Error("Debian's docker-compose has no such program");
  await rename(plugin, join(folder, 'docker-compose'));
  await rm(apt, { recursive: true, force: true });
}
