import { dummyKey } from './dummy-key.ts';
import { promptArgument } from './prompt-argument.ts';
import type { AgentProvider, RunContext } from './provider.ts';

/** None of its own. */
const keys = {};

/**
 * Codex. Its state is in `~/.codex`, so a later run goes on with its conversation. Its own sandbox and questions are
 * off: the bottle is the boundary. It has no limit of turns.
 */
export const codex: AgentProvider<typeof keys> = {
  name: 'codex',
  keys,
  protocols: ['openai-responses'],
  limitsTurns: false,
  command: (_, context) => ({
    argv: [
      'codex',
      ...['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'],
      // They are fetched from hosts that cannot be reached.
      ...['--disable', 'plugins'],
      ...settings(context).flatMap((setting) => ['-c', setting]),
      ...(context.model === undefined ? [] : ['--model', context.model]),
      ...context.extraArguments,
      ...(context.session === undefined ? [] : ['resume', context.session]),
      // A prompt may begin with a dash.
      ...['--', promptArgument(context)],
    ],
    environment: {
      ...(context.llm === undefined ? {} : { [keyVariable]: dummyKey }),
      // It tells the end of a limit in its local time: this is the reader's too.
      TZ: 'UTC',
    },
    files: {},
  }),
};

const keyVariable = 'OPENAI_API_KEY';

/** Its configuration, as `key=value` in TOML. It takes no base URL from the environment. */
function settings({ llm, mcpUrl }: RunContext): string[] {
  return [
    'check_for_update_on_startup=false',
    'analytics.enabled=false',
    // A login shell reads /etc/profile, which sets a PATH without `forge` and `node` in many images.
    'allow_login_shell=false',
    // The model's provider would search on its behalf, which the gateway refuses.
    'web_search="disabled"',
    `mcp_servers.forge={url=${quoted(mcpUrl)}}`,
    ...(llm === undefined
      ? []
      : [
          'model_provider="gateway"',
          `model_providers.gateway={${[
            'name="gateway"',
            `base_url=${quoted(llm.url)}`,
            'wire_api="responses"',
            `env_key=${quoted(keyVariable)}`,
            'requires_openai_auth=false',
            'supports_websockets=false',
          ].join(',')}}`,
        ]),
  ];
}

/** A string of JSON is one of TOML too. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
