import { dummyKey } from './dummy-key.ts';
import { promptArgument } from './prompt-argument.ts';
import type { AgentProvider } from './provider.ts';

/** None of its own. */
const keys = {};

/**
 * Claude Code. Its state is in `~/.claude` and `~/.claude.json`, so a later run goes on with its conversation.
 * Its permissions are off, which it refuses as root: the bottle is the boundary, and has a user of its own.
 */
export const claude: AgentProvider<typeof keys> = {
  name: 'claude',
  keys,
  protocols: ['anthropic-messages'],
  limitsTurns: true,
  command: (_, context) => ({
    argv: [
      'claude',
      ...['-p', '--output-format', 'stream-json', '--verbose', '--dangerously-skip-permissions'],
      ...(context.model === undefined ? [] : ['--model', context.model]),
      ...(context.turnLimit === undefined ? [] : ['--max-turns', String(context.turnLimit)]),
      ...['--mcp-config', mcpServers(context.mcpUrl), '--strict-mcp-config'],
      ...(context.session === undefined ? [] : ['--resume', context.session]),
      ...context.extraArguments,
      // A prompt may begin with a dash, and some options take all words that follow.
      ...['--', promptArgument(context)],
    ],
    environment: {
      ...(context.llm === undefined ? {} : { ANTHROPIC_BASE_URL: context.llm.url }),
      ANTHROPIC_API_KEY: dummyKey,
      // Nothing but its model can be reached.
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      // The tools of the forge are in the first request, not found by a search later.
      ENABLE_TOOL_SEARCH: 'false',
      MCP_CONNECTION_NONBLOCKING: 'false',
    },
    files: {},
  }),
};

function mcpServers(url: string): string {
  return JSON.stringify({ mcpServers: { forge: { type: 'http', url } } });
}
