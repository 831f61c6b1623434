import * as z from 'zod';
import type { LlmProtocol, ProviderName } from '../domain/agent.ts';
import type { Budget } from '../domain/usage.ts';
import { readFrontMatter, type FrontMatter } from './front-matter.ts';
import type { ManifestSource } from './manifest-source.ts';
import { duration, manifestName, word } from './manifest-values.ts';
import type { AgentCommand, RunContext } from './provider.ts';
import type { Providers } from './providers.ts';

/** `agents/<name>.md`: who works. */
export interface AgentManifest {
  readonly provider: ProviderName;
  /** Those of its provider. */
  readonly protocols: readonly LlmProtocol[];
  /** Undefined: the issue has to name one by a label. */
  readonly bottle: string | undefined;
  /** Undefined: the program's own choice. */
  readonly model: string | undefined;
  /** Of a run, from its start; undefined: the orchestrator's. */
  readonly timeLimitMs: number | undefined;
  readonly runBudget: Budget;
  /** Of all runs of a life together. */
  readonly issueBudget: Budget;
  /** The body: what the agent is told before its task; may be empty. */
  readonly standingPrompt: string;
  readonly source: ManifestSource;
  /** Of its keys those that change nothing with its provider. */
  readonly idleKeys: readonly string[];
  /** For what is wrong with it where it is used. */
  readonly problemAt: FrontMatter<unknown>['problemAt'];
  command(run: Omit<RunContext, 'model' | 'extraArguments' | 'turnLimit'>): AgentCommand;
}

const noBudget = 'must be more than 0: leave the key out for no limit';
const budget = z.strictObject(
  {
    tokens: z
      .int('must be a whole number of tokens')
      .positive(noBudget)
      .optional()
      .describe('All tokens together: input, output, read from and written to a cache.'),
    usd: z
      .number('must be a number of US dollars: 2.5')
      .positive(noBudget)
      .optional()
      .describe('US dollars. Needs a price for the model in its route.'),
  },
  'must be tokens, usd or both: {usd: 2.5}',
);

const commonKeys = {
  bottle: manifestName('my-bottle')
    .optional()
    .meta({
      description:
        'The bottle it works in, unless a label `bot-bottle-bottle:<name>` of the issue names another. Without it such a label is needed.',
      examples: ['small'],
    }),
  time: duration.optional().meta({
    description:
      'The longest run, as a duration; a bare number is seconds. It can only shorten `RUN_DEADLINE`.',
    examples: ['30m'],
  }),
  budget: z
    .strictObject(
      {
        run: budget.optional().describe('Of one run.'),
        issue: budget.optional().describe('Of all runs of a life together.'),
      },
      'must be run, issue or both: {run: {usd: 2.5}}',
    )
    .optional()
    .meta({
      description:
        'The most that one run, and all runs of a life together, may use of models. Tokens are all: input, output, read from or written to a cache. Dollars need a price for the model in its route.',
      examples: [{ run: { usd: 2 }, issue: { usd: 10, tokens: 5_000_000 } }],
    }),
};

/** Of providers that speak to a model by themselves. */
const modelKeys = {
  model: z
    .string('must be text')
    .regex(/^[A-Za-z0-9][\w.:/@[\]-]{0,199}$/, "must be a model's name")
    .optional()
    .meta({
      description: "The model, as its server calls it; the program's own choice unless given.",
      examples: ['claude-sonnet-4-5'],
    }),
  arguments: z
    .array(word, 'must be a list of words: ["--effort", "high"]')
    .optional()
    .meta({
      description: "Added to the program's own arguments.",
      examples: [['--effort', 'high']],
    }),
  turns: z
    .int('must be a whole number')
    .positive(noBudget)
    .optional()
    .meta({
      description:
        'The most turns of a run. Claude Code keeps it; Codex and pi have no such limit, and it changes nothing there.',
      examples: [50],
    }),
};

type AgentKeys = z.infer<z.ZodObject<typeof commonKeys & typeof modelKeys>>;

/** What an agent's front matter may be, for each provider. */
export function agentSchema(providers: Providers) {
  const [first, ...others] = Object.values(providers).map(({ name, protocols, keys }) =>
    z.strictObject({
      provider: z.literal(name).describe('The program that works.'),
      ...commonKeys,
      ...(protocols.length > 0 ? modelKeys : {}),
      ...keys,
    }),
  );
  if (first === undefined) {
    throw new Error('there is no provider');
  }
  return z.discriminatedUnion('provider', [first, ...others], {
    error: ({ code }) =>
      code === 'invalid_union'
        ? `must be the name of a provider: ${Object.keys(providers).join(', ')}`
        : 'must be keys and values',
  });
}

/** @throws ConfigError with the file, the line and the key */
export function parseAgentManifest(source: ManifestSource, providers: Providers): AgentManifest {
  const { value, body, problemAt } = readFrontMatter(
    source.file,
    source.text,
    agentSchema(providers),
  );
  const provider = providers[value.provider];
  if (provider === undefined) {
    throw problemAt(['provider'], 'is not known');
  }
  const keys = value as AgentKeys;
  return {
    provider: provider.name,
    protocols: provider.protocols,
    bottle: keys.bottle,
    model: keys.model,
    timeLimitMs: keys.time,
    runBudget: toBudget(keys.budget?.run),
    issueBudget: toBudget(keys.budget?.issue),
    standingPrompt: body,
    source,
    idleKeys: keys.turns !== undefined && !provider.limitsTurns ? ['turns'] : [],
    problemAt,
    command: (run) =>
      provider.command(value, {
        ...run,
        model: keys.model,
        extraArguments: keys.arguments ?? [],
        turnLimit: keys.turns,
      }),
  };
}

function toBudget({ tokens, usd }: z.infer<typeof budget> = {}): Budget {
  return { ...(tokens !== undefined && { tokens }), ...(usd !== undefined && { usd }) };
}
