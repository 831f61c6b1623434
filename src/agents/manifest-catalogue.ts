import type { BackendName } from '../domain/bottle.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { RepositoryRef } from '../domain/issue.ts';
import type { Catalogue } from './catalogue.ts';
import { astray, loadManifests, type ManifestProblem, type Manifests } from './manifests.ts';
import { planLaunch, sandboxOf, type PlanSettings } from './plan.ts';
import type { Providers } from './providers.ts';
import { loadRepositoryAgents, type RepositoryFiles } from './repository-agents.ts';

export interface ManifestCatalogueOptions extends PlanSettings {
  /** Holds `agents/` and `bottles/`. */
  readonly directory: string;
  readonly providers: Providers;
  /** Of bottles whose manifest names none. */
  readonly defaultBackend: BackendName;
  /** Where the agents of repositories are read from. */
  readonly repositoryFiles: RepositoryFiles;
  /** Called for each problem each time the manifests are read. */
  readonly onProblem: (problem: ManifestProblem) => void;
}

/** The catalogue that is read from the manifests, each time anew. */
export function createManifestCatalogue(options: ManifestCatalogueOptions): Catalogue {
  const { directory, providers, repositoryFiles, onProblem } = options;

  async function loadHome(): Promise<Manifests> {
    const manifests = await loadManifests(directory, options);
    manifests.problems.forEach(onProblem);
    return manifests;
  }

  /**
   * Adds the repository's agents. A name that this machine uses, if only for a broken manifest, is not theirs to take.
   */
  async function withRepository(
    home: Manifests,
    repository: RepositoryRef,
    wanted: (name: string) => boolean,
  ): Promise<Manifests> {
    const { agents, problems } = await loadRepositoryAgents(
      repositoryFiles,
      repository,
      providers,
      (name) => wanted(name) && !isTaken(home, name),
    );
    const further = [...problems, ...astray(agents, home.bottles)];
    further.forEach(onProblem);
    return {
      ...home,
      agents: new Map([...home.agents, ...agents]),
      problems: [...home.problems, ...further],
    };
  }

  return {
    async names(repository) {
      const { agents, bottles } = await withRepository(await loadHome(), repository, () => true);
      return { agents, bottles: new Set(bottles.keys()) };
    },
    async backendOf(bottle) {
      return (await loadHome()).bottles.get(bottle)?.backend ?? options.defaultBackend;
    },
    async sandboxOf(name) {
      const home = await loadHome();
      return sandboxOf(home.bottles.get(name) ?? refuse(home, 'bottle', name));
    },
    async plan(agentName, bottleName, repository) {
      const home = await loadHome();
      const manifests = isTaken(home, agentName)
        ? home
        : await withRepository(home, repository, (name) => name === agentName);
      const agent = manifests.agents.get(agentName) ?? refuse(manifests, 'agent', agentName);
      const bottle = manifests.bottles.get(bottleName) ?? refuse(manifests, 'bottle', bottleName);
      return planLaunch({ name: bottleName, manifest: bottle }, agent, options);
    },
  };
}

function isTaken({ agents, problems }: Manifests, agent: string): boolean {
  return agents.has(agent) || problems.some(({ kind, name }) => kind === 'agent' && name === agent);
}

function refuse({ problems }: Manifests, kind: ManifestProblem['kind'], name: string): never {
  const problem = problems.find((one) => one.kind === kind && one.name === name);
  throw new LaunchRefusedError(
    problem === undefined
      ? `There is no ${kind} ${name}: ${kind}s/${name}.md is gone.`
      : `The ${kind} ${name} cannot be used: ${problem.error.message}.`,
  );
}
