import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  realpath,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Docker from 'dockerode';
import { ensureImageArchive } from '../../tools/docker-image.ts';
import { readToolEnvironment, type Report } from '../../tools/environment.ts';
import { ensureGitea } from '../../tools/gitea.ts';
import { findProgram } from '../../tools/program.ts';
import { ensureTemporal } from '../../tools/temporal.ts';

/** What the stand-in of Gitea's image does as its entrypoint does: settings from the environment. */
const giteaEntrypoint = `#!/bin/sh
set -e
ini=/etc/gitea/app.ini
if [ ! -e $ini ]; then
  {
    echo 'WORK_PATH = /var/lib/gitea'
    env | sed -n 's/^GITEA__\\([a-z]*\\)__\\([A-Z_]*\\)=/\\1 \\2 /p' | sort | while read -r section key value; do
      if [ "$section" != "$last" ]; then echo "[$section]"; fi
      last=$section
      echo "$key = $value"
    done
  } > $ini
fi
exec gitea --config $ini web
`;

/** One image: what its Dockerfile says after FROM, and how its files come together. */
interface StandIn {
  readonly base: string;
  readonly lines: readonly string[];
  fill(directory: string): Promise<void>;
}

const debian = 'debian:bookworm-slim';
const certificates = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Gives an Engine of the caller's own the images that Dockerfile and compose.yaml name, made of this machine's programs: a registry of images may be
 * out of reach.
 */
export async function provideStandInImages(host: string, report: Report): Promise<void> {
  const engine = new Docker({ socketPath: host.replace('unix://', '') });
  const [repo, tag] = debian.split(':');
  const archive = await ensureImageArchive(report);
  await finish(engine, await engine.importImage(archive, { repo, tag }));
  for (const [name, standIn] of Object.entries(await standIns(report))) {
    const context = await mkdtemp(join(tmpdir(), 'image-'));
    try {
      await standIn.fill(context);
      const dockerfile = [`FROM ${standIn.base}`, ...standIn.lines].join('\n');
      await writeFile(join(context, 'Dockerfile'), dockerfile);
      const src = await readdir(context);
      await finish(engine, await engine.buildImage({ context, src }, { t: name }));
    } finally {
      await rm(context, { recursive: true, force: true });
    }
  }
}

async function standIns(report: Report): Promise<Readonly<Record<string, StandIn>>> {
  const temporal = await ensureTemporal(report);
  const gitea = await ensureGitea(report);
  return {
    'node:24-bookworm-slim': {
      base: debian,
      lines: [
        'COPY bin /usr/local/bin',
        'COPY npm /usr/local/lib/node_modules/npm',
        'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
        // Where a proxy answers for the registry, this machine trusts it.
        `COPY certificates.crt ${certificates}`,
        `ENV NODE_EXTRA_CA_CERTS=${certificates}`,
      ],
      async fill(directory) {
        await mkdir(join(directory, 'bin'));
        await copyFile(process.execPath, join(directory, 'bin', 'node'));
        const npm = await realpath(findProgram('npm', readToolEnvironment().path) ?? 'npm');
        await cp(dirname(dirname(npm)), join(directory, 'npm'), { recursive: true });
        await copyFile(certificates, join(directory, 'certificates.crt'));
      },
    },
    'temporalio/temporal:1.5.1': {
      base: debian,
      lines: ['COPY temporal /usr/local/bin/', 'USER 1000', 'ENTRYPOINT ["temporal"]'],
      fill: (directory) => copyFile(temporal, join(directory, 'temporal')),
    },
    'gitea/gitea:1.26.0-rootless': {
      base: debian,
      lines: [
        'COPY gitea entrypoint /usr/local/bin/',
        'COPY static /opt/gitea/static',
        ...(gitea.staticRoot === undefined
          ? []
          : ['ENV GITEA__server__STATIC_ROOT_PATH=/opt/gitea/static']),
        'RUN useradd --uid 1000 git && install -d -o git -g git /var/lib/gitea /etc/gitea',
        'VOLUME ["/var/lib/gitea", "/etc/gitea"]',
        'ENV HOME=/var/lib/gitea',
        'USER 1000:1000',
        'ENTRYPOINT ["entrypoint"]',
      ],
      async fill(directory) {
        await copyFile(gitea.binary, join(directory, 'gitea'));
        await writeFile(join(directory, 'entrypoint'), giteaEntrypoint);
        await chmod(join(directory, 'entrypoint'), 0o755);
        const target = join(directory, 'static');
        await mkdir(target);
        if (gitea.staticRoot !== undefined) await cp(gitea.staticRoot, target, { recursive: true });
      },
    },
  };
}

async function finish(engine: Docker, progress: NodeJS.ReadableStream): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
}
