import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  loadClientConfig,
  loadConfig,
  loadNotifierConfig,
  type LoadOptions,
} from '../../src/config/load.ts';
import { settings, tomlKey } from '../../src/config/schema.ts';
import type { Environment } from '../../src/config/sources.ts';
import { ConfigError } from '../../src/domain/errors.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

/** The smallest environment that works. */
function complete(): Environment {
  return {
    HOME: home,
    FORGE_GITEA_API: 'https://gitea.example/api/v1',
    FORGE_TOKEN: 'f00df00d',
    FORGE_WEBHOOK_SECRET: 'whisper',
  };
}

function write(name: string, text: string): string {
  const path = join(home, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function problemsOf(environment: Environment, options?: LoadOptions): string[] {
  try {
    loadConfig(environment, options);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.split('\n');
  }
  return [];
}

describe('the configuration', () => {
  test('needs no more than the forge, its token and the webhook secret', () => {
    expect(loadConfig(complete())).toEqual({
      dataDirectory: join(home, '.bot-bottle'),
      databaseFile: join(home, '.bot-bottle/orchestrator.db'),
      apiTokenFile: join(home, '.bot-bottle/api-token'),
      forge: { org: 'bot-bottle', apiUrl: 'https://gitea.example/api/v1', token: 'f00df00d' },
      server: {
        host: '127.0.0.1',
        port: 8477,
        publicUrl: undefined,
        allowedHosts: [],
        webhookSecret: 'whisper',
      },
      lifecycle: {
        watchdogTimeoutMs: 1_800_000,
        runDeadlineMs: 14_400_000,
        commentDebounceMs: 10_000,
        approval: 'off',
      },
      stateLabels: false,
      reconcileIntervalMs: 120_000,
      maxBottles: 2,
      botBottleCli: { program: 'cli.py', path: '', home },
      llm: { routes: {}, keys: {} },
      notifiers: { webhook: undefined, ntfy: undefined },
      leastFree: { bytes: 2 * 1024 ** 3 },
      logLevel: 'info',
      temporal: {
        namespace: 'default',
        connectionOptions: expect.objectContaining({ address: 'localhost:7233' }),
      },
    });
  });

  test.each([
    ['a name', 'bot-bottle', () => 'bot-bottle'],
    ['a path', '/opt/bot-bottle/cli.py', () => '/opt/bot-bottle/cli.py'],
    [
      'a path below the home directory',
      '~/bot-bottle/cli.py',
      () => join(home, 'bot-bottle/cli.py'),
    ],
  ])('takes %s for the bot-bottle CLI', (_, written, program) => {
    const config = loadConfig({ ...complete(), PATH: '/bin', BOT_BOTTLE_CLI: written });
    expect(config.botBottleCli).toEqual({ program: program(), path: '/bin', home });
  });

  test('takes every setting from the environment', () => {
    const config = loadConfig({
      ...complete(),
      FORGE_GITEA_API: 'http://localhost:3000/git/api/v1/',
      FORGE_ORG: 'robots',
      FORGE_WATCHDOG_TIMEOUT: '5',
      RUN_DEADLINE: '2d',
      COMMENT_DEBOUNCE: '0',
      RECONCILE_INTERVAL: '90s',
      MAX_BOTTLES: '7',
      ORCHESTRATOR_APPROVAL: 'required',
      ORCHESTRATOR_STATE_LABELS: 'true',
      FORGE_WEBHOOK_HOST: '::',
      FORGE_WEBHOOK_PORT: '9000',
      ORCHESTRATOR_PUBLIC_URL: 'https://bots.example/',
      ORCHESTRATOR_DATA_DIR: '~/data',
      ORCHESTRATOR_LOG_LEVEL: 'debug',
    });
    expect(config).toMatchObject({
      dataDirectory: join(home, 'data'),
      forge: { org: 'robots', apiUrl: 'http://localhost:3000/git/api/v1' },
      server: { host: '::', port: 9000, publicUrl: 'https://bots.example' },
      lifecycle: {
        watchdogTimeoutMs: 5000,
        runDeadlineMs: 172_800_000,
        commentDebounceMs: 0,
        approval: 'required',
      },
      stateLabels: true,
      reconcileIntervalMs: 90_000,
      maxBottles: 7,
      logLevel: 'debug',
    });
  });

  test('reads orchestrator.toml in the data directory, and the environment wins', () => {
    write(
      '.bot-bottle/orchestrator.toml',
      'max_bottles = 5\nforge_org = "robots"\nlog_level = "warn"\n',
    );
    expect(loadConfig({ ...complete(), FORGE_ORG: 'people' })).toMatchObject({
      maxBottles: 5,
      forge: { org: 'people' },
      logLevel: 'warn',
    });
  });

  test('reads the file given with --config instead, which may say where the data lies', () => {
    write('.bot-bottle/orchestrator.toml', 'max_bottles = 5\n');
    const configFile = write(
      'other.toml',
      `data_dir = "${home}/elsewhere"\ninsecure_webhooks = true\n`,
    );
    const { FORGE_WEBHOOK_SECRET: _, ...unsigned } = complete();
    expect(loadConfig(unsigned, { configFile })).toMatchObject({
      maxBottles: 2,
      dataDirectory: join(home, 'elsewhere'),
      server: { webhookSecret: undefined },
    });
  });

  test('an empty variable counts as none', () => {
    expect(loadConfig({ ...complete(), FORGE_ORG: '', FORGE_TOKEN_FILE: '' }).forge).toMatchObject({
      org: 'bot-bottle',
      token: 'f00df00d',
    });
  });

  test('secrets come from files too, without their trailing line break', () => {
    const { FORGE_TOKEN: _, FORGE_WEBHOOK_SECRET: __, ...rest } = complete();
    const token = write('token', 'c0ffee\n');
    const secret = write('secret', ' spaces stay \r\n');
    write('.bot-bottle/orchestrator.toml', `forge_webhook_secret_file = "${secret}"\n`);
    const config = loadConfig({ ...rest, FORGE_TOKEN_FILE: token });
    expect(config.forge.token).toBe('c0ffee');
    expect(config.server.webhookSecret).toBe(' spaces stay ');
  });

  test('unsigned deliveries are accepted only when asked for, and never when there is a secret', () => {
    const { FORGE_WEBHOOK_SECRET: _, ...unsigned } = complete();
    expect(loadConfig(unsigned, { insecureWebhooks: true }).server.webhookSecret).toBeUndefined();
    expect(loadConfig(complete(), { insecureWebhooks: true }).server.webhookSecret).toBe('whisper');
  });

  test('unsigned deliveries are accepted on a loopback address only', () => {
    const { FORGE_WEBHOOK_SECRET: _, ...unsigned } = complete();
    for (const host of ['localhost', '127.0.0.2', '::1']) {
      const environment = { ...unsigned, FORGE_WEBHOOK_HOST: host };
      expect(loadConfig(environment, { insecureWebhooks: true }).server.host).toBe(host);
    }
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'localhost.example.com']) {
      const environment = { ...unsigned, FORGE_WEBHOOK_HOST: host };
      expect(() => loadConfig(environment, { insecureWebhooks: true })).toThrow(
        /FORGE_WEBHOOK_HOST: .* is no loopback address/,
      );
      expect(
        loadConfig({ ...complete(), FORGE_WEBHOOK_HOST: host }, { insecureWebhooks: true }).server,
      ).toMatchObject({ host, webhookSecret: 'whisper' });
    }
  });

  test('host names are listed with commas', () => {
    const environment = {
      ...complete(),
      ORCHESTRATOR_ALLOWED_HOSTS: ' builder.lan, orchestrator,',
    };
    expect(loadConfig(environment).server.allowedHosts).toEqual(['builder.lan', 'orchestrator']);
  });

  test("names of other programs are not ours: FORGE_* alone, Kubernetes' service links", () => {
    const foreign = {
      FORGE_API_TOKEN: 'x',
      FORGE_PORT: 'tcp://10.0.0.1:80',
      FORGE_QUEUE_DIR: '/tmp/queue',
      BOT_BOTTLE_CLI: 'cli.py',
      ORCHESTRATOR_SERVICE_HOST: '10.0.0.1',
      ORCHESTRATOR_PORT_8477_TCP: 'tcp://10.0.0.1:8477',
    };
    expect(problemsOf({ ...complete(), ...foreign })).toEqual([]);
  });

  test("Temporal is found by Temporal's own environment configuration", () => {
    const { temporal } = loadConfig({
      ...complete(),
      TEMPORAL_ADDRESS: 'eu.tmprl.cloud:7233',
      TEMPORAL_NAMESPACE: 'robots',
      TEMPORAL_API_KEY: 'key',
    });
    expect(temporal).toEqual({
      namespace: 'robots',
      connectionOptions: expect.objectContaining({
        address: 'eu.tmprl.cloud:7233',
        apiKey: 'key',
        tls: true,
      }),
    });
  });
});

describe('a bad setting is an error that names the key, the problem and the accepted form', () => {
  const environmentErrors: [change: Environment, message: RegExp][] = [
    [
      { FORGE_GITEA_API: undefined },
      /^FORGE_GITEA_API: is missing\. Accepted: an http\(s\) address that ends in \/api\/v1/,
    ],
    [
      { FORGE_GITEA_API: 'gitea.example' },
      /^FORGE_GITEA_API: "gitea\.example" is not an http:\/\/ or https:\/\/ address\. Accepted: .*\/api\/v1/,
    ],
    [{ FORGE_GITEA_API: 'ftp://gitea.example/api/v1' }, /^FORGE_GITEA_API: .* is not an http/],
    [
      { FORGE_GITEA_API: 'https://gitea.example' },
      /^FORGE_GITEA_API: .* does not end in \/api\/v1\./,
    ],
    [
      { FORGE_GITEA_API: 'https://bot:hunter2@gitea.example/api/v1' },
      /^FORGE_GITEA_API: holds a user name or password\./,
    ],
    [
      { FORGE_GITEA_API: 'https://gitea.example/api/v1?token=1' },
      /^FORGE_GITEA_API: .* holds a query/,
    ],
    [
      { FORGE_TOKEN: undefined },
      /^FORGE_TOKEN: is missing\. Accepted: the token .* or FORGE_TOKEN_FILE/,
    ],
    [{ FORGE_TOKEN: 'hunter2 hunter2' }, /^FORGE_TOKEN: holds characters that no token has\./],
    [{ FORGE_TOKEN: 'hunter2\nhunter2' }, /^FORGE_TOKEN: holds a control character/],
    [
      { FORGE_TOKEN_FILE: '/nowhere/token' },
      /^FORGE_TOKEN: is given twice, with FORGE_TOKEN_FILE\. Accepted: one of them\./,
    ],
    [
      { FORGE_TOKEN: '', FORGE_TOKEN_FILE: '/nowhere/token' },
      /^FORGE_TOKEN_FILE: "\/nowhere\/token" cannot be read \(ENOENT\)\. Accepted: the path of a file/,
    ],
    [{ FORGE_TOKEN: '', FORGE_TOKEN_FILE: '/dev/null' }, /^FORGE_TOKEN_FILE: is empty\./],
    [
      { FORGE_WEBHOOK_SECRET: undefined },
      /^FORGE_WEBHOOK_SECRET: is missing\. .*FORGE_WEBHOOK_SECRET_FILE .*--insecure-webhooks/,
    ],
    [{ FORGE_WEBHOOK_SECRET: 'hunter2\n' }, /^FORGE_WEBHOOK_SECRET: holds a control character/],
    [
      { FORGE_ORG: 'my org' },
      /^FORGE_ORG: "my org" is not the name of an org\. Accepted: .*letters/,
    ],
    [
      { FORGE_WATCHDOG_TIMEOUT: 'soon' },
      /^FORGE_WATCHDOG_TIMEOUT: "soon" is not a duration\. Accepted: .*10s, 30m, 4h, 2d/,
    ],
    [{ FORGE_WATCHDOG_TIMEOUT: '0' }, /^FORGE_WATCHDOG_TIMEOUT: "0" is too short\./],
    [{ RUN_DEADLINE: '9999d' }, /^RUN_DEADLINE: "9999d" is longer than a year\./],
    [{ COMMENT_DEBOUNCE: '-1' }, /^COMMENT_DEBOUNCE: "-1" is not a duration\./],
    [{ MAX_BOTTLES: '0' }, /^MAX_BOTTLES: "0" is not a whole number from 1 to 1000\./],
    [{ MAX_BOTTLES: '2.5' }, /^MAX_BOTTLES: "2\.5" is not a whole number/],
    [
      { FORGE_WEBHOOK_HOST: 'http://localhost' },
      /^FORGE_WEBHOOK_HOST: .* is not a host name or an IP address\./,
    ],
    [
      { ORCHESTRATOR_ALLOWED_HOSTS: 'builder.lan https://x' },
      /^ORCHESTRATOR_ALLOWED_HOSTS: .* which is no host name\. Accepted: .*commas/,
    ],
    [
      { FORGE_WEBHOOK_PORT: '65536' },
      /^FORGE_WEBHOOK_PORT: "65536" is not a whole number from 1 to 65535\./,
    ],
    [{ ORCHESTRATOR_PUBLIC_URL: 'bots.example' }, /^ORCHESTRATOR_PUBLIC_URL: .* is not an http/],
    [
      { ORCHESTRATOR_LOG_LEVEL: 'loud' },
      /^ORCHESTRATOR_LOG_LEVEL: "loud" is not a log level\. Accepted: trace, debug/,
    ],
    [
      { ORCHESTRATOR_INSECURE_WEBHOOKS: 'maybe' },
      /^ORCHESTRATOR_INSECURE_WEBHOOKS: "maybe" is neither true nor false\./,
    ],
    [{ ORCHESTRATOR_DATA_DIR: 'a\0b' }, /^ORCHESTRATOR_DATA_DIR: .* is not a path\./],
    [{ ORCHESTRATOR_COLOUR: 'red' }, /^ORCHESTRATOR_COLOUR: is not a setting\./],
    [
      { FORGE_WEBHOOK_SECRT: 'hunter2' },
      /^FORGE_WEBHOOK_SECRT: is not a setting\. Accepted: FORGE_WEBHOOK_SECRET, if that was meant\./,
    ],
    [{ MAX_BOTTLE: '3' }, /^MAX_BOTTLE: is not a setting\. Accepted: MAX_BOTTLES/],
    [
      { TEMPORAL_ADDRESS: 'http://localhost:7233' },
      /^TEMPORAL_ADDRESS: is not host:port\. Accepted: host:port/,
    ],
    [{ TEMPORAL_TLS: 'on' }, /^TEMPORAL_TLS: "on" is neither true nor false\./],
    [
      { TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' },
      /^TEMPORAL_CONFIG_FILE: .* cannot be read\./,
    ],
    [
      { TEMPORAL_TLS_CLIENT_CERT_PATH: '/etc/cert.pem' },
      /^TEMPORAL_TLS_CLIENT_CERT_PATH: is given without TEMPORAL_TLS_CLIENT_KEY_PATH\./,
    ],
    [{ TEMPORAL_PROFILE: 'nope' }, /^TEMPORAL_…: Profile 'nope' not found/],
  ];
  test.each(environmentErrors)('%j', (change, message) => {
    const problems = problemsOf({ ...complete(), ...change });
    expect(problems).toEqual([expect.stringMatching(message)]);
    expect(problems[0]).not.toContain('hunter2');
  });

  const fileErrors: [text: string, message: RegExp][] = [
    ['max_bottles = 0', /^max_bottles in \S+orchestrator\.toml: "0" is not a whole number/],
    [
      'max_bottles = [1]',
      /^max_bottles in \S+: is not a text, a number, true or false\. Accepted: a whole number/,
    ],
    [
      'max_botles = 1',
      /^max_botles in \S+: is not a setting\. Accepted: max_bottles, if that was meant\./,
    ],
    [
      'colour = "red"',
      /^colour in \S+: is not a setting\. Accepted: one of forge_gitea_api, .*forge_token_file/,
    ],
    ['[forge]\norg = "x"', /^forge in \S+: is not a setting\./],
    [
      'forge_token = "hunter2"',
      /^forge_token in \S+: is a secret\. Accepted: forge_token_file .* FORGE_TOKEN\./,
    ],
    [
      'data_dir = "/tmp"',
      /^data_dir in \S+: cannot be said by the file that lies there\. Accepted: ORCHESTRATOR_DATA_DIR/,
    ],
    ['forge_token = "hunter2\n', /^\S+orchestrator\.toml: is not TOML at line 1, column \d+\./],
  ];
  test.each(fileErrors)('%j in orchestrator.toml', (text, message) => {
    write('.bot-bottle/orchestrator.toml', text);
    const problems = problemsOf(complete());
    expect(problems).toEqual([expect.stringMatching(message)]);
    expect(problems[0]).not.toContain('hunter2');
  });

  test('a secret file named in orchestrator.toml that is missing', () => {
    write('.bot-bottle/orchestrator.toml', 'forge_token_file = "/nowhere/token"\n');
    expect(problemsOf({ ...complete(), FORGE_TOKEN: '' })).toEqual([
      expect.stringMatching(
        /^forge_token_file in \S+: "\/nowhere\/token" cannot be read \(ENOENT\)/,
      ),
    ]);
  });

  test('a file given with --config that is missing', () => {
    expect(problemsOf(complete(), { configFile: '/nowhere.toml' })).toEqual([
      '/nowhere.toml: cannot be read (ENOENT). Accepted: a TOML file that can be read.',
    ]);
  });

  test("Temporal's own file that is no TOML is told without its lines, which may hold a key", () => {
    const file = write('temporal.toml', '[profile.default]\napi_key = "hunter2\n');
    const problems = problemsOf({ ...complete(), TEMPORAL_CONFIG_FILE: file });
    expect(problems).toEqual([expect.stringMatching(/^TEMPORAL_…: Invalid TOML document/)]);
    expect(problems[0]).not.toContain('hunter2');
  });

  test('all problems are told at once', () => {
    expect(problemsOf({ HOME: home, MAX_BOTTLES: 'x', ORCHESTRATOR_X: '1' })).toHaveLength(5);
  });
});

describe("the command line's configuration", () => {
  test.each([
    [{}, 'http://127.0.0.1:8477'],
    [{ FORGE_WEBHOOK_HOST: '0.0.0.0', FORGE_WEBHOOK_PORT: '9' }, 'http://127.0.0.1:9'],
    [{ FORGE_WEBHOOK_HOST: '::' }, 'http://[::1]:8477'],
    [{ ORCHESTRATOR_URL: 'https://bots.example/' }, 'https://bots.example'],
  ])('with %j the orchestrator is at %s', (change, url) => {
    expect(loadClientConfig({ HOME: home, ...change }).url).toBe(url);
  });

  test('flags win over the environment', () => {
    const tokenFile = write('token', 'abc\n');
    const environment = { HOME: home, ORCHESTRATOR_URL: 'http://a', ORCHESTRATOR_TOKEN: 'env' };
    expect(loadClientConfig(environment, { url: 'http://b', tokenFile })).toEqual({
      url: 'http://b',
      token: 'abc',
      apiTokenFile: undefined,
    });
  });

  test.each([
    ['http://127.0.0.1:9', true],
    ['http://localhost', true],
    ['http://[::1]:9', true],
    ['http://192.0.2.7', false],
    ['https://localhost.example', false],
  ])('the token of this machine is for %s: %j', (url, isFor) => {
    const file = join(home, '.bot-bottle/api-token');
    expect(loadClientConfig({ HOME: home }, { url }).apiTokenFile).toBe(isFor ? file : undefined);
    const environment = { HOME: home, ORCHESTRATOR_URL: url };
    expect(loadClientConfig(environment).apiTokenFile).toBe(isFor ? file : undefined);
  });

  test("the orchestrator's own secrets are not looked at", () => {
    const environment = { HOME: home, FORGE_TOKEN_FILE: '/not/there', ORCHESTRATOR_TOKEN: 't' };
    expect(loadClientConfig(environment).token).toBe('t');
  });

  test.each([
    [{ url: 'bots.example' }, /^--url: "bots\.example" is not an http/],
    [{ tokenFile: '/nowhere' }, /^--token-file: "\/nowhere" cannot be read \(ENOENT\)/],
  ])('%j is an error that names the flag', (options, message) => {
    expect(() => loadClientConfig({ HOME: home }, options)).toThrow(message);
  });
});

describe('the reference of settings', () => {
  test('every default is of the accepted form', () => {
    for (const setting of Object.values(settings)) {
      if ('default' in setting) {
        expect(setting.schema.safeParse(setting.default).success, setting.variable).toBe(true);
      }
    }
  });

  test('no two settings share a key', () => {
    const keys = Object.values(settings).map((setting) => tomlKey(setting.variable));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('notifications', () => {
  const url = 'https://hooks.example/s3cret?key=s3cret';
  const topic = 'https://ntfy.example/s3cret';

  test('go where an address is given, with what asks for a person', () => {
    const environment = {
      HOME: home,
      ORCHESTRATOR_NOTIFY_WEBHOOK_URL: url,
      ORCHESTRATOR_NOTIFY_WEBHOOK_SECRET: 'whsec_aHVzaA==',
      ORCHESTRATOR_NOTIFY_NTFY_URL: topic,
      ORCHESTRATOR_NOTIFY_NTFY_TOKEN_FILE: write('token', 'tk_hush\n'),
      ORCHESTRATOR_NOTIFY_NTFY_EVENTS: 'pull-request, needs-you',
    };
    const notifiers = {
      webhook: {
        url,
        secret: 'whsec_aHVzaA==',
        events: ['needs-you', 'failed', 'webhook-failing', 'disk'],
      },
      ntfy: { url: topic, token: 'tk_hush', events: ['needs-you', 'pull-request'] },
    };
    expect(loadNotifierConfig(environment)).toEqual(notifiers);
    expect(loadConfig({ ...complete(), ...environment }).notifiers).toEqual(notifiers);
  });

  test.each([
    ['WEBHOOK_URL', 'https://user:s3cret@hooks.example', 'holds a user name or password'],
    ['WEBHOOK_URL', 'hooks.example/s3cret', 'is not an http:// or https:// address'],
    ['NTFY_URL', 'https://ntfy.example/', 'names no topic'],
    ['WEBHOOK_SECRET', 'whsec_s3cret!', 'is not base64 behind whsec_'],
    ['NTFY_TOKEN', 's3cret s3cret', 'holds characters that no token has'],
  ])('are refused with a wrong %s, which is not shown: %s', (name, value, problem) => {
    const variable = `ORCHESTRATOR_NOTIFY_${name}`;
    const problems = problemsOf({ ...complete(), [variable]: value });
    expect(problems).toEqual([expect.stringContaining(`${variable}: ${problem}. Accepted: `)]);
    expect(problems.join()).not.toContain('s3cret');
  });

  test('have events that are known by name: an error has the names', () => {
    const ORCHESTRATOR_NOTIFY_NTFY_EVENTS = 'failed,done';
    expect(
      problemsOf({
        ...complete(),
        ORCHESTRATOR_NOTIFY_NTFY_EVENTS,
        ORCHESTRATOR_NOTIFY_NTFY_URL: topic,
      }),
    ).toEqual([
      'ORCHESTRATOR_NOTIFY_NTFY_EVENTS: "failed,done" holds "done", which is no event. Accepted: names of events with commas between them: needs-you, failed, pull-request, webhook-failing, disk.',
    ]);
  });

  test.each([
    ['WEBHOOK_SECRET', 'WEBHOOK_URL'],
    ['NTFY_TOKEN', 'NTFY_URL'],
  ])('with a %s need a %s', (secret, address) => {
    expect(problemsOf({ ...complete(), [`ORCHESTRATOR_NOTIFY_${secret}`]: 's3cret' })).toEqual([
      expect.stringMatching(
        `^ORCHESTRATOR_NOTIFY_${address}: is missing, and ORCHESTRATOR_NOTIFY_${secret} is given`,
      ),
    ]);
  });

  test('tell of a disk below a size or a share', () => {
    const below = (text: string) => ({ ...complete(), ORCHESTRATOR_NOTIFY_DISK_BELOW: text });
    expect(loadConfig(below('5%')).leastFree).toEqual({ percent: 5 });
    expect(problemsOf(below('5'))).toEqual([expect.stringContaining('such as 2GiB')]);
  });
});
