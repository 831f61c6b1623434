import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { readToolEnvironment } from '../../tools/environment.ts';
import { runProgram } from '../../tools/program.ts';
import { findProjectRoot } from '../../tools/project-root.ts';

/** A machine that has npm, but nothing of this checkout. */
export interface NpmMachine extends AsyncDisposable {
  /** What `npm pack` has made of what was built. */
  readonly tarball: string;
  /** An empty directory. */
  readonly directory: string;
  /** `HOME` is empty at first. PATH holds the machine's own Node, and the cache the tools that demo and tests share. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export async function startNpmMachine(): Promise<NpmMachine> {
  const root = await mkdtemp(join(tmpdir(), 'npm-machine-'));
  const directory = join(root, 'empty');
  await mkdir(directory);
  const { variables, path, cacheDirectory } = readToolEnvironment();
  const environment = {
    ...withoutNpm(variables),
    PATH: withoutPackages(path),
    HOME: root,
    XDG_CACHE_HOME: dirname(dirname(cacheDirectory)),
    // Where a proxy answers for the registry, the machine trusts it and Node by itself does not.
    NODE_USE_SYSTEM_CA: '1',
    npm_config_update_notifier: 'false',
  };
  const pack = ['pack', '--ignore-scripts', '--silent', `--pack-destination=${root}`];
  const name = await runProgram('npm', pack, { cwd: findProjectRoot(), env: environment });
  return {
    tarball: join(root, name.trim()),
    directory,
    environment,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Under `npm test`, npm tells what it runs where its own files are. */
function withoutNpm(
  variables: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const told =
    /^npm_(package|lifecycle|node|command|execpath|config_(cache|prefix|(global|local)_?(prefix|config)|userconfig|user_agent))/;
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !told.test(name)));
}

function withoutPackages(path: string): string {
  const folders = path.split(delimiter);
  return folders.filter((folder) => !folder.includes('node_modules')).join(delimiter);
}
