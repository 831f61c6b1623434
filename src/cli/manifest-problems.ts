import type { ManifestProblem } from '../agents/manifests.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { LocalManifests } from './local-manifests.ts';

export interface Problem {
  readonly kind: 'agent' | 'bottle';
  readonly name: string;
  readonly message: string;
}

/** What is wrong with manifests, and with agents in their bottles. */
export function problemsOf({ agents, bottles, problems, plan }: LocalManifests): Problem[] {
  const unfit = [...agents].flatMap(([name, agent]): Problem[] => {
    const bottle = agent.bottle === undefined ? undefined : bottles.get(agent.bottle);
    if (agent.bottle === undefined || bottle === undefined) {
      return [];
    }
    try {
      plan(agent, { name: agent.bottle, manifest: bottle });
      return [];
    } catch (error) {
      if (error instanceof LaunchRefusedError) {
        return [{ kind: 'agent', name, message: error.message }];
      }
      throw error;
    }
  });
  return [...problems.map(told), ...unfit];
}

/** What they say to no effect. */
export function warningsOf({ warnings }: Pick<LocalManifests, 'warnings'>): Problem[] {
  return warnings.map(told);
}

function told({ kind, name, error }: ManifestProblem): Problem {
  return { kind, name, message: error.message };
}
