import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { AgentManifest } from '../agents/agent-manifest.ts';
import type { BottleManifest } from '../agents/bottle-inheritance.ts';
import type { LaunchPlan } from '../agents/catalogue.ts';
import { inside } from '../bottles/directory.ts';
import { defaultBackend, usableBackends } from '../bottles/registry.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { FoundBackends } from './backends.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';

/** The manifests of this machine as they are now. */
export interface ExaminedManifests {
  readonly directory: string;
  readonly agents: ReadonlyMap<string, AgentManifest>;
  readonly bottles: ReadonlyMap<string, BottleManifest>;
  /** All that is wrong with them, each alone and together. */
  readonly problems: readonly { readonly message: string }[];
  /** What they say to no effect. */
  readonly warnings: readonly { readonly message: string }[];
  /** @throws LaunchRefusedError when these two do not go together */
  plan(
    agent: AgentManifest,
    bottle: { readonly name: string; readonly manifest: BottleManifest },
  ): LaunchPlan;
}

export interface ManifestParts {
  readonly read: () => Promise<ExaminedManifests>;
  readonly findBackends: () => Promise<FoundBackends>;
}

export function manifestChecks(parts: ManifestParts): readonly Check[] {
  const manifests: Check = {
    name: 'manifests',
    run: async () => examineManifests(await parts.read()),
  };
  const images: Check = { name: 'images', run: () => examineImages(parts) };
  const programs: Check = { name: "agents' programs", run: () => examinePrograms(parts) };
  return [manifests, images, programs];
}

function examineManifests({
  agents,
  bottles,
  problems,
  warnings,
  directory,
}: ExaminedManifests): Finding[] {
  if (problems.length > 0) {
    return problems.map(({ message }) =>
      fail(message, `Correct it in ${directory}: it counts from the next run on.`),
    );
  }
  if (agents.size === 0) {
    return [
      warn(
        `there is no agent in ${directory}`,
        'Make one: `orchestrator init` does, or write agents/<name>.md and bottles/<name>.md as the README has them.',
      ),
    ];
  }
  return [
    pass(
      `agents: ${[...agents.keys()].join(', ')}; bottles: ${[...bottles.keys()].join(', ')}; no problem`,
    ),
    ...warnings.map(({ message }) => warn(message, `Take the key out, in ${directory}.`)),
  ];
}

/** Of Docker bottles. */
async function examineImages({ read, findBackends }: ManifestParts): Promise<Finding[]> {
  const [{ bottles }, found] = await Promise.all([read(), findBackends()]);
  const usable = usableBackends(found);
  const engine = usable.get('docker');
  const ofDocker = [...bottles].filter(
    ([, { backend }]) => (backend ?? defaultBackend(usable)) === 'docker',
  );
  if (ofDocker.length === 0) return [pass('no bottle needs one')];
  if (engine === undefined) return [{ verdict: 'skipped', seen: 'needs the backend docker' }];
  return await Promise.all(
    ofDocker.map(async ([name, { image }]) => {
      try {
        await engine.checkImage(image);
        return pass(`${image ?? 'the default one'} of bottle ${name} is there`);
      } catch (error) {
        if (!(error instanceof LaunchRefusedError)) throw error;
        return explainRefusal(`bottle ${name}`, error);
      }
    }),
  );
}

/** Two sentences or more: what is wrong, and what helps. */
function explainRefusal(what: string, { message }: LaunchRefusedError): Finding {
  const [, seen = message, fix = 'Correct the manifest.'] = /^(.*?)\. (.*)$/s.exec(message) ?? [];
  return fail(`${what}: ${seen}`, fix);
}

/** Of local bottles: what an image holds, only a container shows. */
async function examinePrograms({ read, findBackends }: ManifestParts): Promise<Finding[]> {
  const [manifests, found] = await Promise.all([read(), findBackends()]);
  const usual = defaultBackend(usableBackends(found));
  const findings = [...manifests.agents].flatMap(([name, agent]): Finding[] => {
    const bottle = agent.bottle === undefined ? undefined : manifests.bottles.get(agent.bottle);
    if (agent.bottle === undefined || (bottle?.backend ?? usual) !== 'local' || !bottle) return [];
    const program = programOf(manifests, agent, { name: agent.bottle, manifest: bottle });
    if (program === undefined) return [];
    const path = findProgram(program, bottle.tools);
    return [
      path === undefined
        ? fail(
            `agent ${name}: there is no program ${program} in its bottle ${agent.bottle}`,
            `Install it below /usr/local, or into a directory of its own that bottles/${agent.bottle}.md names in \`tools\`: the README says how.`,
          )
        : pass(`agent ${name}: ${program} is ${path}`),
    ];
  });
  return findings.length > 0 ? findings : [pass('no agent needs one of this machine')];
}

/** Undefined: `manifests` says why it cannot be started, or it is a path in the working copy. */
function programOf(
  { plan }: ExaminedManifests,
  agent: AgentManifest,
  bottle: { readonly name: string; readonly manifest: BottleManifest },
): string | undefined {
  try {
    const [program] = plan(agent, bottle).command({ prompt: '', session: undefined }).argv;
    return program.includes('/') && !program.startsWith('/') ? undefined : program;
  } catch (error) {
    if (error instanceof LaunchRefusedError) return undefined;
    throw error;
  }
}

/** Where a local bottle finds a program, as a path on the host; what the runtime brings, as one inside. */
function findProgram(program: string, tools: readonly string[]): string | undefined {
  const [runtime = '', ...system] = inside.path.split(':');
  if (program.startsWith('/')) {
    if (program.startsWith(`${inside.runtime}/`)) return program;
    const tool = tools.find((path) => isBelow(program, join(inside.tools, basename(path))));
    const onHost =
      tool === undefined
        ? program
        : join(tool, program.slice(join(inside.tools, basename(tool)).length));
    return existsSync(onHost) ? onHost : undefined;
  }
  if (['node', 'forge'].includes(program)) return join(runtime, program);
  return [
    ...tools.filter((tool) => basename(tool) === program && existsSync(tool)),
    ...tools.map((tool) => join(tool, 'bin', program)),
    ...system.map((directory) => join(directory, program)),
  ].find(existsSync);
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
