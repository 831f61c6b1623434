import { describe, expect, test } from 'vitest';
import { claude } from '../../src/agents/claude.ts';
import { codex } from '../../src/agents/codex.ts';
import { pi } from '../../src/agents/pi.ts';
import type { RunContext } from '../../src/agents/provider.ts';

const door = 'http://127.0.0.1:3128';
const context: RunContext = {
  prompt: 'Do it.',
  promptFile: '/run/prompt.md',
  model: 'm1',
  extraArguments: [],
  session: undefined,
  turnLimit: undefined,
  llm: { url: `${door}/llm/main`, protocol: 'anthropic-messages' },
  mcpUrl: `${door}/mcp`,
};
const openai: RunContext = {
  ...context,
  llm: { url: `${door}/llm/main`, protocol: 'openai-responses' },
};

/** The words of `argv` that follow `word`. */
const after = (argv: readonly string[], word: string): readonly string[] =>
  argv.slice(argv.indexOf(word) + 1);

describe('claude', () => {
  test('runs headless, without questions, with the model, the door to the forge, and the prompt at the end', () => {
    const { argv, environment, files } = claude.command({}, context);

    expect(argv).toEqual([
      'claude',
      '-p',
      '--output-format',
      'stream-json',
      '--verbose',
      '--dangerously-skip-permissions',
      '--model',
      'm1',
      '--mcp-config',
      '{"mcpServers":{"forge":{"type":"http","url":"http://127.0.0.1:3128/mcp"}}}',
      '--strict-mcp-config',
      '--',
      'Do it.',
    ]);
    expect(environment).toMatchObject({
      ANTHROPIC_BASE_URL: `${door}/llm/main`,
      ANTHROPIC_API_KEY: 'no-key-in-this-bottle',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
    });
    expect(files).toEqual({});
  });

  test('goes on with its conversation, within a limit of turns, with arguments of the manifest before the prompt', () => {
    const { argv } = claude.command(
      {},
      { ...context, session: 's-1', turnLimit: 7, extraArguments: ['--add-dir', '/srv'] },
    );

    expect(after(argv, '--max-turns')[0]).toBe('7');
    expect(after(argv, '--strict-mcp-config')).toEqual([
      ...['--resume', 's-1', '--add-dir', '/srv', '--', 'Do it.'],
    ]);
  });

  test('without a model and a route chooses its own model, and is told of no address', () => {
    const { argv, environment } = claude.command(
      {},
      { ...context, model: undefined, llm: undefined },
    );

    expect(argv).not.toContain('--model');
    expect(environment).not.toHaveProperty('ANTHROPIC_BASE_URL');
  });
});

describe('codex', () => {
  test('runs headless, without questions and sandbox, with a provider of its own that is the gateway', () => {
    const { argv, environment, files } = codex.command({}, openai);

    expect(argv).toEqual([
      'codex',
      'exec',
      '--json',
      '--skip-git-repo-check',
      '--dangerously-bypass-approvals-and-sandbox',
      '--disable',
      'plugins',
      '-c',
      'check_for_update_on_startup=false',
      '-c',
      'analytics.enabled=false',
      '-c',
      'allow_login_shell=false',
      '-c',
      'web_search="disabled"',
      '-c',
      'mcp_servers.forge={url="http://127.0.0.1:3128/mcp"}',
      '-c',
      'model_provider="gateway"',
      '-c',
      'model_providers.gateway={name="gateway",base_url="http://127.0.0.1:3128/llm/main",wire_api="responses",' +
        'env_key="OPENAI_API_KEY",requires_openai_auth=false,supports_websockets=false}',
      '--model',
      'm1',
      '--',
      'Do it.',
    ]);
    expect(environment).toEqual({ OPENAI_API_KEY: 'no-key-in-this-bottle', TZ: 'UTC' });
    expect(files).toEqual({});
  });

  test('goes on with its conversation, with arguments of the manifest before that', () => {
    const { argv } = codex.command(
      {},
      { ...openai, session: 't-1', extraArguments: ['-c', 'model_reasoning_effort="low"'] },
    );

    expect(after(argv, 'm1')).toEqual([
      ...['-c', 'model_reasoning_effort="low"', 'resume', 't-1', '--', 'Do it.'],
    ]);
  });

  test('without a route is told of no provider', () => {
    const { argv, environment } = codex.command({}, { ...openai, llm: undefined });

    expect(argv.join(' ')).not.toContain('model_provider');
    expect(environment).not.toHaveProperty('OPENAI_API_KEY');
  });
});

describe('pi', () => {
  test('runs headless, with the gateway in place of its own provider of the same protocol', () => {
    const { argv, environment, files } = pi.command({}, context);

    expect(argv).toEqual([
      ...['pi', '-p', '--mode', 'json', '--provider', 'anthropic', '--model', 'm1', 'Do it.'],
    ]);
    expect(environment).toEqual({ PI_OFFLINE: '1', PI_TELEMETRY: '0' });
    expect(JSON.parse(files['.pi/agent/models.json'] ?? '')).toEqual({
      providers: {
        anthropic: { baseUrl: `${door}/llm/main`, apiKey: 'no-key-in-this-bottle' },
      },
    });
  });

  test('reaches a server that only speaks completions by a provider with this one model', () => {
    const { argv, files } = pi.command(
      {},
      { ...context, llm: { url: `${door}/llm/local`, protocol: 'openai-completions' } },
    );

    expect(after(argv, '--provider')[0]).toBe('gateway');
    expect(JSON.parse(files['.pi/agent/models.json'] ?? '')).toEqual({
      providers: {
        gateway: {
          baseUrl: `${door}/llm/local`,
          apiKey: 'no-key-in-this-bottle',
          api: 'openai-completions',
          models: [{ id: 'm1' }],
        },
      },
    });
  });

  test('goes on with its conversation, with arguments of the manifest before the prompt', () => {
    const { argv } = pi.command(
      {},
      { ...context, session: 'p-1', extraArguments: ['--thinking', 'low'] },
    );

    expect(after(argv, 'm1')).toEqual(['--session', 'p-1', '--thinking', 'low', 'Do it.']);
  });

  test.each(['- a list', '@file'])(
    'does not take the prompt %j for an option or a file',
    (prompt) => {
      const { argv } = pi.command({}, { ...context, prompt });

      expect(argv.at(-1)).toBe(`\n${prompt}`);
    },
  );
});

describe('a prompt', () => {
  const providers = [claude, codex, pi];

  test('of up to 100 KiB is an argument, counted in bytes', () => {
    const prompt = 'ä'.repeat(50 * 1024);
    for (const provider of providers) {
      expect(provider.command({}, { ...context, prompt }).argv.at(-1)).toBe(prompt);
    }
  });

  test('that is longer is read from its file', () => {
    const prompt = `${'ä'.repeat(50 * 1024)}!`;
    for (const provider of providers) {
      const { argv } = provider.command({}, { ...context, prompt });
      expect(argv.at(-1)).toMatch(/^Your task is in the file \/run\/prompt\.md\. .*whole file/);
    }
  });
});
