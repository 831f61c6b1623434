import { LaunchRefusedError } from '../domain/errors.ts';
import type { Catalogue } from './catalogue.ts';
import { loadManifests } from './manifests.ts';
import type { Manifests, ManifestProblem } from './manifests.ts';

export interface ManifestCatalogueOptions {
  /** Holds `agents/` and `bottles/`. */
  readonly directory: string;
  /** Path inside a bottle of the run's prompt. */
  readonly promptFile: string;
  /** The bottle's door as it is seen inside, e.g. `http://127.0.0.1:3128`. */
  readonly doorUrl: string;
  /** Called for each problem each time the manifests are read. */
  readonly onProblem: (problem: ManifestProblem) => void;
}

/** The catalogue that is read from the manifests, each time anew. */
export function createManifestCatalogue({
  directory,
  promptFile,
  doorUrl,
  onProblem,
}: ManifestCatalogueOptions): Catalogue {
  async function load(): Promise<Manifests> {
    const manifests = await loadManifests(directory);
    manifests.problems.forEach(onProblem);
    return manifests;
  }
  return {
    async names() {
      const { agents, bottles } = await load();
      return { agents, bottles: new Set(bottles.keys()) };
    },
    async backendOf(bottle) {
      return (await load()).bottles.get(bottle)?.backend ?? 'local';
    },
    async sandboxOf(name) {
      const manifests = await load();
      const { limits } = manifests.bottles.get(name) ?? refuse(manifests, 'bottle', name);
      return { limits };
    },
    async plan(agentName, bottleName) {
      const manifests = await load();
      const agent = manifests.agents.get(agentName) ?? refuse(manifests, 'agent', agentName);
      const bottle = manifests.bottles.get(bottleName) ?? refuse(manifests, 'bottle', bottleName);
      return {
        provider: 'script',
        model: undefined,
        standingPrompt: agent.standingPrompt,
        command: ({ prompt, session }) =>
          agent.command({
            prompt,
            session,
            promptFile,
            model: undefined,
            extraArguments: [],
            turnLimit: undefined,
            llm: undefined,
            mcpUrl: `${doorUrl}/mcp`,
          }),
        environment: bottle.environment,
        egress: [],
        routes: {},
        runBudget: {},
        issueBudget: {},
        digest: '',
      };
    },
  };
}

function refuse({ problems }: Manifests, kind: ManifestProblem['kind'], name: string): never {
  const problem = problems.find((one) => one.kind === kind && one.name === name);
  throw new LaunchRefusedError(
    problem === undefined
      ? `There is no ${kind} ${name}: ${kind}s/${name}.md is gone.`
      : `The ${kind} ${name} cannot be used: ${problem.error.message}.`,
  );
}
