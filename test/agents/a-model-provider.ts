import type * as z from 'zod';
import type { AgentProvider } from '../../src/agents/provider.ts';
import { providers, type Providers } from '../../src/agents/providers.ts';

/** Stands for all programs that speak to a model: its argument vector says what it was told. */
const modelProvider: AgentProvider<z.ZodRawShape> = {
  name: 'pi',
  keys: {},
  protocols: ['openai-responses', 'anthropic-messages'],
  limitsTurns: true,
  command: (_, { model, extraArguments, turnLimit, llm, session, mcpUrl }) => ({
    argv: [
      'pi',
      ...(model === undefined ? [] : [`model=${model}`]),
      ...(turnLimit === undefined ? [] : [`turns=${turnLimit}`]),
      ...(session === undefined ? [] : [`session=${session}`]),
      `llm=${llm?.protocol} ${llm?.url}`,
      `mcp=${mcpUrl}`,
      ...extraArguments,
    ],
    environment: { PI_OFFLINE: '1' },
    files: {},
  }),
};

export const withModelProvider: Providers = { ...providers, pi: modelProvider };
