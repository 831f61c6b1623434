import { access, chmod, constants, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { readToolEnvironment, type Report, type ToolEnvironment } from './environment.ts';
import { findProgram, runProgram } from './program.ts';
import { provide } from './provide.ts';

export type AgentCliName = 'claude' | 'codex' | 'pi';

interface AgentCli {
  readonly title: string;
  readonly package: string;
  readonly version: string;
  /** For the person who waits. */
  readonly size: string;
  /** What is executed, below the folder that npm installs into. Its package's own command needs an install script, or Node. */
  readonly program: (platform: string) => string;
}

const clis: Readonly<Record<AgentCliName, AgentCli>> = {
  claude: {
    title: 'Claude Code',
    package: '@anthropic-ai/claude-code',
    version: '2.1.329',
    size: '360 MB',
    program: (platform) => `node_modules/@anthropic-ai/claude-code-${platform}/claude`,
  },
  codex: {
    title: 'Codex',
    package: '@openai/codex',
    version: '0.169.0',
    size: '400 MB',
    program: (platform) =>
      `node_modules/@openai/codex-${platform}/vendor/${rustTarget(platform)}/bin/codex`,
  },
  pi: {
    title: 'pi',
    package: '@mariozechner/pi-coding-agent',
    version: '0.73.1',
    size: '200 MB',
    program: () => 'node_modules/@mariozechner/pi-coding-agent/dist/cli.js',
  },
};

export const agentCliNames = Object.keys(clis) as readonly AgentCliName[];

/**
 * The command line of a coding agent, from npm, for tests and the demo. Safe to call from several processes at once. Rejects
 * with one message that says what to do.
 *
 * @returns a directory that needs nothing outside of it and may be mounted read-only anywhere; `bin/<name>` is executed.
 * `pi` wants `node` on the PATH. A program of that name on this machine's PATH is not taken: tests and demo know this version.
 */
export async function ensureAgentCli(
  name: AgentCliName,
  report: Report,
  environment: ToolEnvironment = readToolEnvironment(),
): Promise<{ readonly directory: string }> {
  const { title, package: packageName, version, size, program } = clis[name];
  const directory = await provide(
    {
      name,
      version,
      title,
      reason: 'tests and the demo use this very version',
      ways: [
        {
          doing: `installing ${title} ${version} from npm, about ${size}`,
          fill: (folder) =>
            install(environment, folder, `${packageName}@${version}`, {
              name,
              program: program(`${process.platform}-${process.arch}`),
            }),
        },
      ],
      remedy: 'Make the npm registry reachable (npm config get registry) and try again.',
    },
    environment.cacheDirectory,
    report,
  );
  return { directory };
}

async function install(
  environment: ToolEnvironment,
  folder: string,
  packageSpec: string,
  { name, program }: { readonly name: string; readonly program: string },
): Promise<void> {
  const npm = findProgram('npm', environment.path);
  if (npm === undefined) {
    throw new Error('npm is not on the PATH');
  }
  const quietly = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
  await runProgram(
    npm,
    // Where it would else go depends on what lies in the folders above.
    ['install', `--prefix=${folder}`, '--ignore-scripts', '--omit=dev', ...quietly, packageSpec],
    // The machine may trust a proxy that Node's own certificates do not know.
    { cwd: folder, env: { ...environment.variables, NODE_USE_SYSTEM_CA: '1' } },
  );
  await access(join(folder, program), constants.X_OK).catch(() => {
    throw new Error(`${packageSpec} has no program for ${process.platform} on ${process.arch}`);
  });
  await mkdir(join(folder, 'bin'));
  // Relative: it is right wherever the folder is mounted, and renamed to.
  await symlink(join('..', program), join(folder, 'bin', name));
  // The user inside of a bottle is another than the one who installs.
  await chmod(folder, 0o755);
}

function rustTarget(platform: string): string {
  const [system, architecture] = platform.split('-');
  const processor = architecture === 'arm64' ? 'aarch64' : 'x86_64';
  return `${processor}-${system === 'darwin' ? 'apple-darwin' : 'unknown-linux-musl'}`;
}
