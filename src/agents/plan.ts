import { createHash } from 'node:crypto';
import type { LlmProtocol, LlmRoute } from '../domain/agent.ts';
import { LaunchRefusedError } from '../domain/errors.ts';
import type { AgentManifest } from './agent-manifest.ts';
import type { BottleManifest } from './bottle-inheritance.ts';
import type { LaunchPlan, SandboxParts } from './catalogue.ts';
import type { ManifestSource } from './manifest-source.ts';

/** What a plan needs beside the manifests. */
export interface PlanSettings {
  /** All that are configured, by name. */
  readonly routes: Readonly<Record<string, LlmRoute>>;
  /** Path inside a bottle of the run's prompt. */
  readonly promptFile: string;
  /** The bottle's door as it is seen inside, e.g. `http://127.0.0.1:3128`. */
  readonly doorUrl: string;
}

/** @throws LaunchRefusedError when these two do not go together */
export function planLaunch(
  {
    name: bottleName,
    manifest: bottle,
  }: { readonly name: string; readonly manifest: BottleManifest },
  agent: AgentManifest,
  { routes, promptFile, doorUrl }: PlanSettings,
): LaunchPlan {
  if (bottle.cli !== undefined) {
    return planForCli(bottle, agent);
  }
  const usable = Object.fromEntries(
    bottle.llm.flatMap((name) => {
      const route = routes[name];
      return route === undefined ? [] : [[name, route] as const];
    }),
  );
  const chosen = chooseRoute(agent.protocols, usable);
  if (chosen === undefined && agent.protocols.length > 0) {
    throw new LaunchRefusedError(missingRoute(agent, bottleName, routes));
  }
  checkPrices(agent, chosen === undefined ? usable : { [chosen.name]: chosen.route });
  return {
    provider: agent.provider,
    model: agent.model,
    standingPrompt: agent.standingPrompt,
    command: (run) =>
      agent.command({
        ...run,
        promptFile,
        llm: chosen && { url: `${doorUrl}/llm/${chosen.name}`, protocol: chosen.route.protocol },
        mcpUrl: `${doorUrl}/mcp`,
      }),
    environment: bottle.environment,
    sandbox: sandboxOf(bottle),
    timeLimitMs: agent.timeLimitMs,
    egress: bottle.egress,
    routes: usable,
    runBudget: agent.runBudget,
    issueBudget: agent.issueBudget,
    digest: digestOf([agent.source, ...bottle.sources]),
  };
}

/**
 * The external CLI knows the agent by its name, and brings its program, its models and its environment. What it prints is shown
 * as it is.
 */
function planForCli(bottle: BottleManifest, agent: AgentManifest): LaunchPlan {
  const budget = (['run', 'issue'] as const).find(
    (which) => Object.keys(which === 'run' ? agent.runBudget : agent.issueBudget).length > 0,
  );
  if (budget !== undefined) {
    const problem = 'cannot be kept: a bottle of the backend bot-bottle does not tell what it uses';
    throw refusal(agent, ['budget', budget], problem);
  }
  return {
    provider: 'script',
    model: undefined,
    standingPrompt: agent.standingPrompt,
    command: () => ({ argv: ['bot-bottle'], environment: {}, files: {} }),
    environment: {},
    sandbox: sandboxOf(bottle),
    timeLimitMs: agent.timeLimitMs,
    egress: [],
    routes: {},
    runBudget: {},
    issueBudget: {},
    digest: digestOf([agent.source, ...bottle.sources]),
  };
}

/** What the sandbox of such a bottle is made of. */
export function sandboxOf({ limits, tools, image, cli }: BottleManifest): SandboxParts {
  return {
    limits,
    tools,
    ...(image === undefined ? {} : { image }),
    ...(cli === undefined ? {} : { cli }),
  };
}

/** The bottle's first route that speaks what the program likes best. */
function chooseRoute(
  protocols: readonly LlmProtocol[],
  routes: Readonly<Record<string, LlmRoute>>,
): { readonly name: string; readonly route: LlmRoute } | undefined {
  for (const protocol of protocols) {
    for (const [name, route] of Object.entries(routes)) {
      if (route.protocol === protocol) {
        return { name, route };
      }
    }
  }
  return undefined;
}

function missingRoute(
  { provider, protocols }: AgentManifest,
  bottle: string,
  routes: Readonly<Record<string, LlmRoute>>,
): string {
  const fitting = Object.entries(routes).filter(([, { protocol }]) => protocols.includes(protocol));
  const needs = `${provider} speaks to its model by ${protocols.join(' or ')}, and the bottle ${bottle} has no route that does.`;
  const [first] = fitting;
  if (first !== undefined) {
    return `${needs} Add \`llm: [${first[0]}]\` to bottles/${bottle}.md.`;
  }
  const key = protocols.includes('anthropic-messages') ? 'ANTHROPIC_API_KEY' : 'OPENAI_API_KEY';
  return `${needs} Nor has the orchestrator: give it ${key}, or add [llm_routes.<name>] with protocol = "${protocols[0]}" to orchestrator.toml; then name the route in bottles/${bottle}.md: \`llm: [<name>]\`.`;
}

/** A budget in US dollars whose spending nobody can reckon would be none. */
function checkPrices(agent: AgentManifest, routes: Readonly<Record<string, LlmRoute>>): void {
  const budget = (['run', 'issue'] as const).find(
    (which) => (which === 'run' ? agent.runBudget : agent.issueBudget).usd !== undefined,
  );
  if (budget === undefined) {
    return;
  }
  const key = ['budget', budget, 'usd'];
  for (const [name, { prices }] of Object.entries(routes)) {
    if (agent.model === undefined) {
      throw refusal(
        agent,
        key,
        agent.protocols.length > 0
          ? 'cannot be kept without `model`: name it, or give `tokens` instead'
          : `cannot be kept: which model ${agent.provider} uses is not known. Give \`tokens\` instead`,
      );
    }
    if (!Object.hasOwn(prices, agent.model)) {
      throw refusal(
        agent,
        key,
        `cannot be kept: the price of ${agent.model} is not known. Add [llm_routes.${name}.prices."${agent.model}"] with input and output (US dollars per million tokens) to orchestrator.toml, or give \`tokens\` instead`,
      );
    }
  }
}

function refusal(
  agent: AgentManifest,
  key: readonly string[],
  problem: string,
): LaunchRefusedError {
  return new LaunchRefusedError(`${agent.problemAt(key, problem).message}.`);
}

function digestOf(sources: readonly ManifestSource[]): string {
  const read = sources.map(({ file, text }) => [file, text]);
  return createHash('sha256').update(JSON.stringify(read)).digest('hex');
}
