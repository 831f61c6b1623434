import { lstat, readFile, readdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LlmRoute } from '../domain/agent.ts';
import { ConfigError } from '../domain/errors.ts';
import { parseAgentManifest, type AgentManifest } from './agent-manifest.ts';
import { resolveBottle, type BottleManifest } from './bottle-inheritance.ts';
import { parseBottleManifest, type BottleSource } from './bottle-manifest.ts';
import { checkSize, decodeManifest, type ManifestSource } from './manifest-source.ts';
import { isManifestName } from './manifest-values.ts';
import type { Providers } from './providers.ts';
import { toolProblem } from './tools.ts';

export interface Manifests {
  readonly agents: ReadonlyMap<string, AgentManifest>;
  readonly bottles: ReadonlyMap<string, BottleManifest>;
  readonly problems: readonly ManifestProblem[];
  /** What manifests say to no effect. They can be used as they are. */
  readonly warnings: readonly ManifestProblem[];
}

/** In `problems` a manifest that cannot be used as it is: it takes no other down with it, but those that extend it. */
export interface ManifestProblem {
  readonly kind: 'agent' | 'bottle';
  readonly name: string;
  /** Names the file, the line and the key. */
  readonly error: ConfigError;
}

/** What manifests may name. */
export interface Known {
  readonly providers: Providers;
  readonly routes: Readonly<Record<string, LlmRoute>>;
}

/**
 * Reads `agents/*.md` and `bottles/*.md` below the data directory. A directory that is not there has no manifests.
 *
 * An agent whose bottle does not exist is a problem and yet among the agents: an issue may name another bottle.
 */
export async function loadManifests(
  directory: string,
  { providers, routes }: Known,
): Promise<Manifests> {
  const [agents, sources] = await Promise.all([
    loadKind(directory, 'agent', async (source) => parseAgentManifest(source, providers)),
    loadKind(directory, 'bottle', (source) => loadBottle(source, directory, routes)),
  ]);
  const bottles = sortOut('bottle', sources.found.keys(), (name) =>
    resolveBottle(name, sources.found),
  );
  return {
    agents: agents.found,
    bottles: bottles.found,
    problems: [
      ...agents.problems,
      ...sources.problems,
      ...bottles.problems,
      ...astray(agents.found, bottles.found),
    ],
    warnings: [...idleInAgents(agents.found), ...idleInBottles(sources.found)],
  };
}

/** The agents whose bottle cannot be used. */
export function astray(
  agents: Manifests['agents'],
  bottles: Manifests['bottles'],
): ManifestProblem[] {
  return [...agents].flatMap(([name, { bottle, problemAt }]): ManifestProblem[] =>
    bottle === undefined || bottles.has(bottle)
      ? []
      : [
          {
            kind: 'agent',
            name,
            error: problemAt(['bottle'], `there is no usable bottles/${bottle}.md`),
          },
        ],
  );
}

function idleInAgents(agents: Manifests['agents']): ManifestProblem[] {
  return [...agents].flatMap(([name, { provider, idleKeys, problemAt }]) =>
    idleKeys.map((key) => ({
      kind: 'agent' as const,
      name,
      error: problemAt([key], `changes nothing: ${provider} keeps no such limit`),
    })),
  );
}

function idleInBottles(bottles: ReadonlyMap<string, BottleSource>): ManifestProblem[] {
  return [...bottles].flatMap(([name, { value, problemAt }]): ManifestProblem[] =>
    value.disk === undefined
      ? []
      : [
          {
            kind: 'bottle',
            name,
            error: problemAt(['disk'], 'changes nothing: no backend keeps such a limit'),
          },
        ],
  );
}

async function loadBottle(
  source: ManifestSource,
  dataDirectory: string,
  routes: Known['routes'],
): Promise<BottleSource> {
  const bottle = parseBottleManifest(source);
  const { value, problemAt } = bottle;
  for (const [index, path] of (value.tools ?? []).entries()) {
    const problem = await toolProblem(path, dataDirectory);
    if (problem !== undefined) {
      throw problemAt(['tools', index], problem);
    }
  }
  for (const [index, route] of (value.llm ?? []).entries()) {
    if (!Object.hasOwn(routes, route)) {
      throw problemAt(['llm', index], unknownRoute(route, Object.keys(routes)));
    }
  }
  return bottle;
}

function unknownRoute(name: string, known: readonly string[]): string {
  return known.length === 0
    ? `there is no route ${name}, nor any other: give the orchestrator ANTHROPIC_API_KEY or OPENAI_API_KEY, or add [llm_routes.${name}] to orchestrator.toml`
    : `there is no route ${name}; known routes: ${known.join(', ')}`;
}

async function loadKind<T>(
  directory: string,
  kind: ManifestProblem['kind'],
  load: (source: ManifestSource) => Promise<T>,
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
      found.set(name, await load(await readManifest(join(directory, file), file)));
    } catch (error) {
      problems.push({ kind, name, error: asConfigError(file, error) });
    }
  }
  return { found, problems };
}

/** Makes one thing for each name; what fails is a problem. */
function sortOut<T>(
  kind: ManifestProblem['kind'],
  names: Iterable<string>,
  make: (name: string) => T,
): { found: Map<string, T>; problems: ManifestProblem[] } {
  const found = new Map<string, T>();
  const problems: ManifestProblem[] = [];
  for (const name of names) {
    try {
      found.set(name, make(name));
    } catch (error) {
      problems.push({ kind, name, error: asConfigError(`${kind}s/${name}.md`, error) });
    }
  }
  return { found, problems };
}

function asConfigError(file: string, error: unknown): ConfigError {
  return error instanceof ConfigError
    ? error
    : new ConfigError(`${file}: ${(error as Error).message}`, { cause: error });
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

async function readManifest(path: string, file: string): Promise<ManifestSource> {
  // Who may write here could have it read what lies elsewhere, and an error message would quote it.
  const real = await realpath(path);
  if (dirname(real) !== (await realpath(dirname(path)))) {
    throw new ConfigError(`${file}: must be a file of this directory, not a link out of it`);
  }
  const info = await lstat(real);
  if (!info.isFile()) {
    throw new ConfigError(`${file}: must be a file`);
  }
  checkSize(file, info.size);
  return decodeManifest(file, await readFile(real));
}
