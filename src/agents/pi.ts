import type { LlmProtocol } from '../domain/agent.ts';
import { dummyKey } from './dummy-key.ts';
import { promptArgument } from './prompt-argument.ts';
import type { AgentProvider, RunContext } from './provider.ts';

/** None of its own. */
const keys = {};

/**
 * pi, the coding agent. Its state is in `~/.pi/agent`, so a later run goes on with its conversation. It asks for no
 * permissions, has no limit of turns, and knows no MCP: its door to the forge is the `forge` command.
 */
export const pi: AgentProvider<typeof keys> = {
  name: 'pi',
  keys,
  protocols: ['anthropic-messages', 'openai-responses', 'openai-completions'],
  limitsTurns: false,
  command: (_, context) => ({
    argv: [
      'pi',
      ...['-p', '--mode', 'json'],
      ...(context.llm === undefined ? [] : ['--provider', providers[context.llm.protocol]]),
      ...(context.model === undefined ? [] : ['--model', context.model]),
      ...(context.session === undefined ? [] : ['--session', context.session]),
      ...context.extraArguments,
      argumentOf(promptArgument(context)),
    ],
    environment: { PI_OFFLINE: '1', PI_TELEMETRY: '0' },
    files: { '.pi/agent/models.json': `${JSON.stringify(models(context), null, 2)}\n` },
  }),
};

/** Of its own providers those that speak the protocol: what it knows of their models stays. */
const providers: Record<LlmProtocol, string> = {
  'anthropic-messages': 'anthropic',
  'openai-responses': 'openai',
  'openai-completions': 'gateway',
};

function models({ llm, model }: RunContext): unknown {
  if (llm === undefined) {
    return { providers: {} };
  }
  const { url, protocol } = llm;
  const own = protocol === 'openai-completions' && model !== undefined;
  return {
    providers: {
      [providers[protocol]]: {
        baseUrl: url,
        apiKey: dummyKey,
        ...(own ? { api: protocol, models: [{ id: model }] } : {}),
      },
    },
  };
}

/** It would take a dash for an option and an at sign for a file. */
function argumentOf(prompt: string): string {
  return /^[-@]/.test(prompt) ? `\n${prompt}` : prompt;
}
