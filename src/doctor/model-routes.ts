import { z } from 'zod';
import type { LlmRoute } from '../domain/agent.ts';
import { fetchFailure } from '../domain/fetch-failure.ts';
import { fail, pass, warn, type Check, type Finding } from './check.ts';
import type { ExaminedManifests } from './manifests.ts';

export interface RouteParts {
  readonly name: string;
  readonly route: LlmRoute;
  /** Undefined: it has none, or one that cannot be read, which `settings` says. */
  readonly key: string | undefined;
  readonly wanted: () => Promise<ModelsWanted>;
}

export interface ModelsWanted {
  /** Those that agents name whose bottles have this route. */
  readonly models: readonly string[];
  /** Some bottle has it. */
  readonly used: boolean;
}

export function modelsWanted(
  { agents, bottles }: ExaminedManifests,
  name: string,
  { protocol }: LlmRoute,
): ModelsWanted {
  const having = [...bottles].filter(([, { llm }]) => llm.includes(name)).map(([bottle]) => bottle);
  const models = [...agents.values()]
    .filter(({ bottle = '', protocols }) => having.includes(bottle) && protocols.includes(protocol))
    .flatMap(({ model }) => model ?? []);
  return { models: [...new Set(models)], used: having.length > 0 };
}

const listing = z.object({ data: z.array(z.object({ id: z.string() })) });

/** Asks the server which models it has: that needs the key and costs nothing. */
export function modelRouteCheck(parts: RouteParts, settings: Check): Check {
  const { name, route, key } = parts;
  if (route.auth !== 'none' && key === undefined) {
    return {
      name: `model route ${name}`,
      run: async () => [
        { verdict: 'skipped', seen: `its key cannot be read: see ${settings.name}` },
      ],
    };
  }
  return {
    name: `model route ${name}`,
    async run(signal) {
      const { models, used } = await parts.wanted();
      const finding = await examine(route, key, models, signal);
      if (used || finding.verdict !== 'fail') return [finding];
      return [{ ...finding, verdict: 'warn', seen: `${finding.seen}; no bottle has this route` }];
    },
  };
}

async function examine(
  route: LlmRoute,
  key: string | undefined,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<Finding> {
  const { upstream } = route;
  let answer: Response;
  try {
    answer = await fetch(listingUrl(route), { headers: headersOf(route, key), signal });
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = fetchFailure(error);
    return fail(
      `${upstream} cannot be reached (${code ?? message})`,
      'Check its address in the settings, the network, and that the server runs.',
    );
  }
  const { status } = answer;
  if (status === 401 || status === 403) {
    await answer.body?.cancel();
    return fail(
      `${upstream} does not accept the key (${status})`,
      'Give the route a key that is valid there, and start the orchestrator again: keys are read at its start.',
    );
  }
  if (status >= 500) {
    await answer.body?.cancel();
    return warn(
      `${upstream} answers with an error (${status})`,
      "Try again later; it is the server's, and agents try again too.",
    );
  }
  const listed = listing.safeParse(await answer.json().catch(() => undefined));
  if (!answer.ok || !listed.success) {
    return pass(`${upstream} answers (${status}) and lists no models: the key was not tried`);
  }
  const known = listed.data.data.map(({ id }) => id);
  const unknown = wanted.filter((model) => !known.includes(model));
  return unknown.length === 0
    ? pass(
        `${upstream} accepts ${key === undefined ? 'requests' : 'the key'} and has ${known.length} models`,
      )
    : warn(
        `${upstream} does not list ${unknown.join(', ')}, which an agent names`,
        `Correct \`model\` in the agent's manifest, unless the server knows it by another name. It lists ${known.slice(0, 10).join(', ')}${known.length > 10 ? ', …' : ''}.`,
      );
}

function listingUrl({ protocol, upstream }: LlmRoute): string {
  return protocol === 'anthropic-messages'
    ? `${upstream}/v1/models?limit=1000`
    : `${upstream}/models`;
}

function headersOf({ protocol, auth }: LlmRoute, key = ''): Record<string, string> {
  const version = protocol === 'anthropic-messages' ? { 'anthropic-version': '2023-06-01' } : {};
  switch (auth) {
    case 'x-api-key':
      return { ...version, 'x-api-key': key };
    case 'bearer':
      return { ...version, authorization: `Bearer ${key}` };
    case 'subscription':
      return { ...version, authorization: `Bearer ${key}`, 'anthropic-beta': 'oauth-2025-04-20' };
    case 'none':
      return version;
  }
}
