import type { LlmRoute } from '../../src/domain/agent.ts';

/** As an orchestrator may have them. */
export const routes = {
  anthropic: {
    protocol: 'anthropic-messages',
    upstream: 'https://api.anthropic.com',
    auth: 'x-api-key',
    prices: { 'opus-5': { input: 5, output: 25 } },
    remoteTools: false,
  },
  openai: {
    protocol: 'openai-responses',
    upstream: 'https://api.openai.com/v1',
    auth: 'bearer',
    prices: {},
    remoteTools: false,
  },
  ollama: {
    protocol: 'openai-completions',
    upstream: 'http://192.168.1.5:11434/v1',
    auth: 'none',
    prices: {},
    remoteTools: false,
  },
} as const satisfies Record<string, LlmRoute>;
