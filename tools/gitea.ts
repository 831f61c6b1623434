import { existsSync } from 'node:fs';
import { chmod, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { findChecksum } from './checksum.ts';
import { downloadFile, downloadText } from './download.ts';
import { readToolEnvironment, type Report, type ToolEnvironment } from './environment.ts';
import { runGo } from './go.ts';
import { releasePlatform } from './platform.ts';
import { findProgram, runProgram } from './program.ts';
import { findProjectRoot } from './project-root.ts';
import { provide } from './provide.ts';
import { isAtLeast, type MajorMinor } from './version.ts';

const VERSION = '1.26.0';
const OLDEST: MajorMinor = [1, 26];
const BUILD_TAGS = 'sqlite sqlite_unlock_notify timetzdata';

/** A Gitea program; `staticRoot` holds templates, options and public where they are not inside the binary. */
export interface GiteaProgram {
  readonly binary: string;
  readonly staticRoot?: string;
}

/**
 * A Gitea that can serve: from the PATH, else the cache, else downloaded, else built (API, git and webhooks whole, web
 * pages without style). Safe to call from several processes at once. Rejects with one message that names what to install.
 */
export async function ensureGitea(
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
): Promise<GiteaProgram> {
  const installed = findProgram('gitea', environment.path);
  const objection = installed === undefined ? undefined : await whyUnusable(installed);
  if (installed !== undefined && objection === undefined) {
    return { binary: installed };
  }
  const folder = await provide(
    {
      name: 'gitea',
      version: VERSION,
      title: 'Gitea',
      reason: objection ?? 'gitea is not on the PATH',
      ways: [
        {
          doing: `downloading Gitea ${VERSION}`,
          fill: (target) => download(environment.giteaDownloadUrl, target),
        },
        {
          doing: `building Gitea ${VERSION} from source, about 5 min`,
          fill: (target, scratch) => build(environment, target, scratch),
        },
      ],
      remedy:
        `Install Gitea ${OLDEST.join('.')} or newer (docs.gitea.com/installation), ` +
        'or Go 1.26.2 or newer and a C compiler, and put it on the PATH.',
    },
    environment.cacheDirectory,
    report,
  );
  const staticRoot = join(folder, 'static');
  return { binary: join(folder, 'gitea'), ...(existsSync(staticRoot) && { staticRoot }) };
}

/** What `gitea --version` says against its use, or undefined. Without `bindata` its templates are who knows where. */
async function whyUnusable(binary: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await runProgram(binary, ['--version']);
  } catch {
    return `${binary} does not run`;
  }
  const [, version = ''] = /version v?(\S+)/i.exec(text) ?? [];
  if (!isAtLeast(version, OLDEST)) {
    return `${binary} is ${text.trim().slice(0, 60)}, ${OLDEST.join('.')} or newer is needed`;
  }
  return text.includes('bindata')
    ? undefined
    : `${binary} was built without its templates (bindata)`;
}

async function download(baseUrl: string, folder: string): Promise<void> {
  const { system, architecture } = releasePlatform();
  const name = `gitea-${VERSION}-${system === 'darwin' ? 'darwin-10.12' : system}-${architecture}`;
  const url = `${baseUrl}/${VERSION}/${name}`;
  const checksum = findChecksum(await downloadText(`${url}.sha256`), name);
  const binary = join(folder, 'gitea');
  await downloadFile(url, binary, checksum);
  await chmod(binary, 0o755);
  await runProgram(binary, ['--version']);
}

async function build(environment: ToolEnvironment, folder: string, scratch: string): Promise<void> {
  if (
    !['cc', 'gcc', 'clang'].some(
      (compiler) => findProgram(compiler, environment.path) !== undefined,
    )
  ) {
    throw new Error('no C compiler is on the PATH, so Gitea cannot be built from source');
  }
  const cwd = join(findProjectRoot(), 'tools', 'gitea');
  const binary = join(folder, 'gitea');
  const linkerFlags = `-s -w -X main.Version=${VERSION} -X 'main.Tags=${BUILD_TAGS}'`;
  await runGo(
    environment,
    [
      'build',
      '-modcacherw',
      '-tags',
      BUILD_TAGS,
      '-ldflags',
      linkerFlags,
      '-o',
      binary,
      'code.gitea.io/gitea',
    ],
    {
      cwd,
      scratch,
      env: { CGO_ENABLED: '1' },
    },
  );
  await runProgram(binary, ['--version']);
  const source = (
    await runGo(environment, ['list', '-m', '-f', '{{.Dir}}', 'code.gitea.io/gitea'], {
      cwd,
      scratch,
    })
  ).trim();
  for (const name of ['templates', 'options', 'public']) {
    await cp(join(source, name), join(folder, 'static', name), { recursive: true });
  }
}
