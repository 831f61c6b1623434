import { ConfigError, ForgeNotFoundError } from '../domain/errors.ts';
import type { RepositoryRef } from '../domain/issue.ts';
import { parseAgentManifest, type AgentManifest } from './agent-manifest.ts';
import { checkSize, decodeManifest } from './manifest-source.ts';
import type { ManifestProblem } from './manifests.ts';
import { isManifestName } from './manifest-values.ts';
import type { Providers } from './providers.ts';

/** The default branch of a repository, as a forge shows it. */
export interface RepositoryFiles {
  /** Empty when there is no such directory. */
  listDirectory(
    repository: RepositoryRef,
    path: string,
  ): Promise<readonly { readonly name: string; readonly kind: string; readonly size: number }[]>;
  readFile(repository: RepositoryRef, path: string): Promise<Uint8Array>;
}

const folder = '.bot-bottle/agents';
/** Each is a request to the forge. */
const maxAgents = 50;

/**
 * Reads `.bot-bottle/agents/*.md` of a repository's default branch: who may push there decides what they say. They
 * name bottles of this machine and define none.
 * @param wanted the names that are to be read; the others are left out
 * @throws ForgeError when the forge does not answer, or not this
 */
export async function loadRepositoryAgents(
  files: RepositoryFiles,
  repository: RepositoryRef,
  providers: Providers,
  wanted: (name: string) => boolean,
): Promise<{
  readonly agents: ReadonlyMap<string, AgentManifest>;
  readonly problems: readonly ManifestProblem[];
}> {
  const agents = new Map<string, AgentManifest>();
  const problems: ManifestProblem[] = [];
  const entries = (await files.listDirectory(repository, folder)).filter(
    ({ name }) => name.endsWith('.md') && !name.startsWith('.'),
  );
  for (const [index, entry] of entries.entries()) {
    const name = entry.name.slice(0, -'.md'.length);
    if (!wanted(name)) {
      continue;
    }
    const file = `${folder}/${entry.name}`;
    try {
      if (index >= maxAgents) {
        throw new ConfigError(`${file}: a repository may have ${maxAgents} agents`);
      }
      if (!isManifestName(name)) {
        throw new ConfigError(`${file}: the file's name must be kebab-case: my-agent.md`);
      }
      if (entry.kind !== 'file') {
        throw new ConfigError(`${file}: must be a file`);
      }
      checkSize(file, entry.size);
      const source = decodeManifest(file, await files.readFile(repository, file));
      agents.set(name, parseAgentManifest(source, providers));
    } catch (error) {
      if (error instanceof ForgeNotFoundError) {
        // Removed since the listing.
        continue;
      }
      if (!(error instanceof ConfigError)) {
        throw error;
      }
      const { owner, name: repositoryName } = repository;
      problems.push({
        kind: 'agent',
        name,
        error: new ConfigError(`${owner}/${repositoryName}: ${error.message}`),
      });
    }
  }
  return { agents, problems };
}
