import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig, loadManifestConfig, type LlmConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/domain/errors.ts';

let home: string;
let file: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'routes-'));
  mkdirSync(join(home, '.bot-bottle'));
  file = join(home, '.bot-bottle/orchestrator.toml');
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

const forge = {
  FORGE_GITEA_API: 'https://gitea.example/api/v1',
  FORGE_TOKEN: 'f00df00d',
  FORGE_WEBHOOK_SECRET: 'whisper',
};

function load(environment: Record<string, string>, toml = ''): LlmConfig {
  writeFileSync(file, toml);
  return loadConfig({ HOME: home, ...forge, ...environment }).llm;
}

function problemsOf(environment: Record<string, string>, toml = ''): string[] {
  try {
    load(environment, toml);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.replaceAll(file, 'FILE').split('\n');
  }
  return [];
}

function write(name: string, text: string): string {
  const path = join(home, name);
  writeFileSync(path, text);
  return path;
}

describe('the routes to language models', () => {
  test('are none unless somebody says so', () => {
    expect(load({})).toEqual({ routes: {}, keys: {} });
  });

  test('come with the keys of the environment', () => {
    expect(load({ ANTHROPIC_API_KEY: 'sk-a', OPENAI_API_KEY: 'sk-o' })).toEqual({
      routes: {
        anthropic: {
          protocol: 'anthropic-messages',
          upstream: 'https://api.anthropic.com',
          auth: 'x-api-key',
          prices: {},
          remoteTools: false,
        },
        openai: {
          protocol: 'openai-responses',
          upstream: 'https://api.openai.com/v1',
          auth: 'bearer',
          prices: {},
          remoteTools: false,
        },
      },
      keys: { anthropic: 'sk-a', openai: 'sk-o' },
    });
  });

  test('come with keys in files, and lead where the environment says', () => {
    expect(
      load({
        ANTHROPIC_API_KEY_FILE: write('key', 'sk-a\n'),
        ANTHROPIC_BASE_URL: 'http://127.0.0.1:9000/',
        OPENAI_API_KEY: 'sk-o',
        OPENAI_BASE_URL: 'https://llm.example/openai/v1/',
      }),
    ).toMatchObject({
      routes: {
        anthropic: { upstream: 'http://127.0.0.1:9000' },
        openai: { upstream: 'https://llm.example/openai/v1' },
      },
      keys: { anthropic: 'sk-a', openai: 'sk-o' },
    });
  });

  test("may use a subscription's token", () => {
    expect(load({ CLAUDE_CODE_OAUTH_TOKEN: 'oat' })).toMatchObject({
      routes: { anthropic: { auth: 'subscription' } },
      keys: { anthropic: 'oat' },
    });
  });

  test('are written in orchestrator.toml, also to an address of the own network', () => {
    const key = write('key', 'sk-x\n');
    const toml = `
[llm_routes.ollama]
protocol = "openai-completions"
upstream = "http://192.168.1.5:11434/v1/"
auth = "none"

[llm_routes.proxy]
protocol = "anthropic-messages"
upstream = "https://llm.example"
auth = "bearer"
key_file = "${key}"
remote_tools = true
prices."opus-5" = { input = 5, output = 25, cache_read = 0.5, cache_write = 6.25 }
prices.haiku = { input = 1, output = 5 }
`;
    expect(load({}, toml)).toEqual({
      routes: {
        ollama: {
          protocol: 'openai-completions',
          upstream: 'http://192.168.1.5:11434/v1',
          auth: 'none',
          prices: {},
          remoteTools: false,
        },
        proxy: {
          protocol: 'anthropic-messages',
          upstream: 'https://llm.example',
          auth: 'bearer',
          prices: {
            'opus-5': { input: 5, output: 25, cacheRead: 0.5, cacheWrite: 6.25 },
            haiku: { input: 1, output: 5 },
          },
          remoteTools: true,
        },
      },
      keys: { proxy: 'sk-x' },
    });
  });

  test('of the environment take from the file what it does not say', () => {
    const toml = `
[llm_routes.anthropic]
upstream = "https://elsewhere.example"
prices.haiku = { input = 1, output = 5 }
`;
    expect(load({ ANTHROPIC_API_KEY: 'sk-a' }, toml)).toMatchObject({
      routes: {
        anthropic: { upstream: 'https://elsewhere.example', prices: { haiku: { output: 5 } } },
      },
      keys: { anthropic: 'sk-a' },
    });
    expect(
      load({ ANTHROPIC_API_KEY: 'sk-a', ANTHROPIC_BASE_URL: 'https://mine.example' }, toml).routes,
    ).toMatchObject({ anthropic: { upstream: 'https://mine.example' } });
  });

  test.each([
    ['llm_routes = 1', 'llm_routes in FILE: is not a table. Accepted: tables [llm_routes.<name>].'],
    [
      'llm_route = 1',
      'llm_route in FILE: is not a setting. Accepted: llm_routes, if that was meant.',
    ],
    [
      '[llm_routes.My_Route]\nauth = "none"',
      'llm_routes.My_Route in FILE: is not the name of a route. Accepted: kebab-case, such as my-route.',
    ],
    [
      '[llm_routes]\nx = 1',
      'llm_routes.x in FILE: is not a table. Accepted: [llm_routes.x] with key = value lines.',
    ],
    [
      '[llm_routes.x]\nprotocol = "grpc"\nupstream = "https://a.example"\nauth = "none"',
      'llm_routes.x.protocol in FILE: is not a protocol. Accepted: anthropic-messages, openai-responses, openai-completions.',
    ],
    [
      '[llm_routes.x]\nprotocol = "openai-responses"\nupstream = "ftp://a"\nauth = "none"',
      'llm_routes.x.upstream in FILE: is not an http:// or https:// address. Accepted: an http(s) address to which the paths of the protocol are added.',
    ],
    [
      '[llm_routes.x]\nprotocol = "openai-responses"\nupstream = "https://u:hunter2@a"\nauth = "none"',
      'llm_routes.x.upstream in FILE: holds a user name or password. Accepted: an http(s) address to which the paths of the protocol are added.',
    ],
    [
      '[llm_routes.x]\nprotocol = "openai-responses"\nupstream = "https://a"\nauth = "bearer"\nkey = "sk-hunter2"',
      'llm_routes.x.key in FILE: is a secret. Accepted: key_file with the path of a file.',
    ],
    [
      '[llm_routes.x]\nprotocl = "openai-responses"',
      'llm_routes.x.protocl in FILE: is not a setting. Accepted: protocol, if that was meant.',
    ],
    [
      '[llm_routes.x]\nprotocol = "openai-responses"\nupstream = "https://a"\nauth = "bearer"',
      'llm_routes.x.key_file in FILE: is missing. Accepted: the path of a file that holds the key alone.',
    ],
    [
      '[llm_routes.x]\nprotocol = "openai-responses"\nupstream = "https://a"\nauth = "none"\nkey_file = "/k"',
      'llm_routes.x.key_file in FILE: is given, and auth is none. Accepted: one of them.',
    ],
    [
      '[llm_routes.x]\nprotocol = "openai-responses"\nauth = "none"',
      'llm_routes.x.upstream in FILE: is missing. Accepted: an http(s) address to which the paths of the protocol are added.',
    ],
    [
      '[llm_routes.x]\nprotocol = "openai-responses"\nupstream = "https://a"\nauth = "bearer"\nkey_file = "/nonexistent/key"',
      'llm_routes.x.key_file in FILE: "/nonexistent/key" cannot be read (ENOENT). Accepted: the path of a file that holds the secret alone.',
    ],
    [
      '[llm_routes.openai]\nprices.mini = { input = 1, output = 2 }',
      'llm_routes.openai.key_file in FILE: is missing. Accepted: the path of a file that holds the key alone, or the environment variable OPENAI_API_KEY.',
    ],
    [
      '[llm_routes.anthropic]\nprices.haiku = { input = -1, output = 5 }',
      'llm_routes.anthropic.prices.haiku.input in FILE: is less than 0. Accepted: a table for each model with input and output, and cache_read and cache_write if they differ from input: US dollars per million tokens.',
    ],
    [
      '[llm_routes.anthropic]\nprices.haiku = { input = 1, output = 5, cached = 2 }',
      'llm_routes.anthropic.prices.haiku.cached in FILE: is not a setting. Accepted: a table for each model with input and output, and cache_read and cache_write if they differ from input: US dollars per million tokens.',
    ],
  ])('are refused when the file says %j', (toml, problem) => {
    const problems = problemsOf({}, toml);
    expect(problems).toEqual([problem]);
    expect(problems.join()).not.toContain('hunter2');
  });

  test('are refused with a key and a subscription, and with a key that is none', () => {
    expect(problemsOf({ ANTHROPIC_API_KEY: 'sk-a', CLAUDE_CODE_OAUTH_TOKEN: 'oat' })).toEqual([
      'CLAUDE_CODE_OAUTH_TOKEN: is given beside ANTHROPIC_API_KEY. Accepted: one of them.',
    ]);
    const [problem = '', ...others] = problemsOf({ OPENAI_API_KEY: 'sk hunter2' });
    expect(others).toEqual([]);
    expect(problem).toMatch(/^OPENAI_API_KEY: holds characters that no token has/);
    expect(problem).not.toContain('hunter2');
  });

  test('are known to who may not read their keys', () => {
    writeFileSync(
      file,
      `openai_api_key_file = "${home}/nowhere"
[llm_routes.x]
protocol = "openai-completions"
upstream = "https://a.example"
auth = "bearer"
key_file = "${home}/nowhere"
`,
    );
    const { dataDirectory, routes } = loadManifestConfig({ HOME: home });
    expect(dataDirectory).toBe(join(home, '.bot-bottle'));
    expect(Object.keys(routes)).toEqual(['openai', 'x']);
  });
});
