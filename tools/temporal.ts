import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findChecksum } from './checksum.ts';
import { downloadFile, downloadText } from './download.ts';
import { readToolEnvironment, type Report, type ToolEnvironment } from './environment.ts';
import { runGo } from './go.ts';
import { releasePlatform } from './platform.ts';
import { findProgram, runProgram } from './program.ts';
import { provide } from './provide.ts';
import { isAtLeast, type MajorMinor } from './version.ts';

const VERSION = '1.5.1';

/** From here on the server starts workflows with an update without a switch. */
const OLDEST_SERVER: MajorMinor = [1, 28];

/**
 * The path of a Temporal CLI that can run a development server: from the PATH, else the cache, else downloaded, else built.
 * Safe to call from several processes at once. Rejects with one message that names what to install.
 */
export async function ensureTemporal(
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
): Promise<string> {
  const installed = findProgram('temporal', environment.path);
  const objection = installed === undefined ? undefined : await whyUnusable(installed);
  if (installed !== undefined && objection === undefined) {
    return installed;
  }
  const folder = await provide(
    {
      name: 'temporal',
      version: VERSION,
      title: 'Temporal CLI',
      reason: objection ?? 'temporal is not on the PATH',
      ways: [
        {
          doing: `downloading Temporal CLI ${VERSION}`,
          fill: (target) => download(environment.temporalDownloadUrl, target),
        },
        {
          doing: `building Temporal CLI ${VERSION} from source, about 4 min`,
          fill: (target, scratch) => build(environment, target, scratch),
        },
      ],
      remedy:
        'Install the Temporal CLI (docs.temporal.io/cli) or Go 1.25 or newer, and put it on the PATH.',
    },
    environment.cacheDirectory,
    report,
  );
  return join(folder, 'temporal');
}

/** What `temporal --version` says against its use, or undefined. The server counts: a CLI built by Go calls itself 0.0.0. */
async function whyUnusable(binary: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await runProgram(binary, ['--version']);
  } catch {
    return `${binary} does not run`;
  }
  const [, server = 'of unknown version'] = /Server (\S+?)[,)]/.exec(text) ?? [];
  return isAtLeast(server, OLDEST_SERVER)
    ? undefined
    : `${binary} has server ${server}, ${OLDEST_SERVER.join('.')} or newer is needed`;
}

async function download(baseUrl: string, folder: string): Promise<void> {
  const { system, architecture } = releasePlatform();
  const name = `temporal_cli_${VERSION}_${system}_${architecture}.tar.gz`;
  const release = `${baseUrl}/v${VERSION}`;
  const checksum = findChecksum(await downloadText(`${release}/checksums.txt`), name);
  const archive = join(folder, name);
  await downloadFile(`${release}/${name}`, archive, checksum);
  await runProgram('tar', ['-xzf', archive, '-C', folder, 'temporal']);
  await rm(archive);
  await runProgram(join(folder, 'temporal'), ['--version']);
}

async function build(environment: ToolEnvironment, folder: string, scratch: string): Promise<void> {
  const source = `github.com/temporalio/cli/cmd/temporal@v${VERSION}`;
  const linkerFlags = `-s -w -X github.com/temporalio/cli/temporalcli.Version=${VERSION}`;
  await runGo(environment, ['install', '-modcacherw', '-ldflags', linkerFlags, source], {
    cwd: folder,
    scratch,
    env: { GOBIN: folder },
  });
  await runProgram(join(folder, 'temporal'), ['--version']);
}
