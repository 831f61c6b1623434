import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../domain/errors.ts';
import { isManifestName, parseAgentManifest, parseBottleManifest } from './manifest.ts';
import type { AgentManifest, BottleManifest } from './manifest.ts';

export interface Manifests {
  readonly agents: ReadonlyMap<string, AgentManifest>;
  readonly bottles: ReadonlyMap<string, BottleManifest>;
  readonly problems: readonly ManifestProblem[];
}

/** A manifest that cannot be used as it is. It takes no other down with it. */
export interface ManifestProblem {
  readonly kind: 'agent' | 'bottle';
  readonly name: string;
  /** Names the file, the line and the key. */
  readonly error: ConfigError;
}

const maxBytes = 256 * 1024;

/**
 * Reads `agents/*.md` and `bottles/*.md` below a directory. A directory that is not there has no manifests.
 *
 * An agent whose bottle does not exist is a problem and yet among the agents: an issue may name another bottle.
 */
export async function loadManifests(directory: string): Promise<Manifests> {
  const [agents, bottles] = await Promise.all([
    loadKind(directory, 'agent', parseAgentManifest),
    loadKind(directory, 'bottle', parseBottleManifest),
  ]);
  const astray = [...agents.found].flatMap(([name, { bottle }]): ManifestProblem[] =>
    bottle === undefined || bottles.found.has(bottle)
      ? []
      : [
          {
            kind: 'agent',
            name,
            error: new ConfigError(
              `agents/${name}.md: bottle: there is no usable bottles/${bottle}.md`,
            ),
          },
        ],
  );
  return {
    agents: agents.found,
    bottles: bottles.found,
    problems: [...agents.problems, ...bottles.problems, ...astray],
  };
}

async function loadKind<T>(
  directory: string,
  kind: ManifestProblem['kind'],
  parse: (file: string, text: string) => T,
): Promise<{ found: Map<string, T>; problems: ManifestProblem[] }> {
  const folder = `${kind}s`;
  const found = new Map<string, T>();
  const problems: ManifestProblem[] = [];
  for (const entry of await listDirectory(join(directory, folder))) {
    if (!entry.endsWith('.md') || entry.startsWith('.')) {
      continue;
    }
    const name = entry.slice(0, -'.md'.length);
    const file = `${folder}/${entry}`;
    try {
      if (!isManifestName(name)) {
        throw new ConfigError(`${file}: the file's name must be kebab-case: my-${kind}.md`);
      }
      found.set(name, parse(file, await readManifest(join(directory, file), file)));
    } catch (error) {
      const said =
        error instanceof ConfigError
          ? error
          : new ConfigError(`${file}: ${(error as Error).message}`, { cause: error });
      problems.push({ kind, name, error: said });
    }
  }
  return { found, problems };
}

async function listDirectory(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw new ConfigError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function readManifest(path: string, file: string): Promise<string> {
  const info = await stat(path);
  if (!info.isFile()) {
    throw new ConfigError(`${file}: must be a file`);
  }
  if (info.size > maxBytes) {
    throw new ConfigError(`${file}: must be at most ${maxBytes / 1024} KiB`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    throw error instanceof TypeError ? new ConfigError(`${file}: must be UTF-8 text`) : error;
  }
}
