import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LlmRoute } from '../domain/agent.ts';
import { ConfigError } from '../domain/errors.ts';
import type { LeastFree } from '../domain/free-space.ts';
import { httpUrl } from '../domain/http-url.ts';
import { isLoopback } from '../domain/loopback.ts';
import type { NotifierSettings } from '../domain/notification.ts';
import { readLlmKeys, readLlmRoutes, withoutKeys } from './llm-routes.ts';
import { readNotifiers } from './notifiers.ts';
import { settings, tomlKey, type Settings } from './schema.ts';
import {
  findUnknownNames,
  readSettings,
  readSettingsFile,
  requireSetting,
  type Environment,
  type Flags,
  type Sources,
} from './sources.ts';
import { loadTemporalConfig, type TemporalConfig } from './temporal.ts';

/** What `orchestrator run` works with. Durations in milliseconds, paths absolute. */
export interface Config {
  readonly dataDirectory: string;
  readonly databaseFile: string;
  readonly apiTokenFile: string;
  /** `XDG_RUNTIME_DIR`, where sockets may lie. */
  readonly runtimeDirectory: string | undefined;
  /** `DOCKER_HOST`, where Docker Engine listens. */
  readonly dockerHost: string | undefined;
  readonly forge: {
    readonly org: string;
    /** Ends in `/api/v1`, without a slash behind it. */
    readonly apiUrl: string;
    readonly token: string;
  };
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly publicUrl: string | undefined;
    /** Host names under which it may be asked, besides those of `host` and `publicUrl`. */
    readonly allowedHosts: readonly string[];
    /** Undefined: unsigned deliveries are accepted, because somebody asked for that. */
    readonly webhookSecret: string | undefined;
  };
  readonly lifecycle: Pick<
    Settings,
    'watchdogTimeoutMs' | 'runDeadlineMs' | 'commentDebounceMs' | 'approval'
  >;
  readonly stateLabels: boolean;
  readonly reconcileIntervalMs: number;
  readonly maxBottles: number;
  readonly llm: LlmConfig;
  readonly notifiers: NotifierSettings;
  /** With less space for the data directory people are told. */
  readonly leastFree: LeastFree;
  /** The bot-bottle CLI and what it is found and run with. A `program` with a slash in it is absolute. */
  readonly botBottleCli: { readonly program: string; readonly path: string; readonly home: string };
  readonly logLevel: Settings['logLevel'];
  readonly temporal: TemporalConfig;
}

/** The models that bottles may be let use. */
export interface LlmConfig {
  /** By name. */
  readonly routes: Readonly<Record<string, LlmRoute>>;
  /** Of the routes that have one. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface LoadOptions {
  /** `--config`: it must exist. Without it, `orchestrator.toml` in the data directory, if there is one. */
  readonly configFile?: string;
  /** `--insecure-webhooks` */
  readonly insecureWebhooks?: boolean;
}

/** What a command needs that speaks to a running orchestrator. */
export interface ClientConfig {
  /** Base address, without a slash at its end. */
  readonly url: string;
  /** Undefined: it is in `apiTokenFile`. */
  readonly token: string | undefined;
  /** Of the orchestrator of this machine. Undefined: `url` leads to another, which must not see its token. */
  readonly apiTokenFile: string | undefined;
}

/** What a command needs that reads the manifests of this machine. */
export interface ManifestConfig {
  readonly dataDirectory: string;
  readonly routes: Readonly<Record<string, LlmRoute>>;
  readonly dockerHost: Config['dockerHost'];
  readonly botBottleCli: Config['botBottleCli'];
}

export interface ClientLoadOptions {
  readonly configFile?: string;
  /** `--url` */
  readonly url?: string;
  /** `--token` */
  readonly token?: string;
  /** `--token-file` */
  readonly tokenFile?: string;
}

/** The environment of this process. Nothing else reads it. */
export function environment(): Environment {
  return process.env;
}

/**
 * Reads all settings of the orchestrator. Command line, environment, `orchestrator.toml`, default: the first that
 * has one wins.
 * @throws ConfigError with one line per problem: the key, what is wrong with its value, the accepted form
 */
export function loadConfig(environment: Environment, options: LoadOptions = {}): Config {
  const flags: Flags = options.insecureWebhooks
    ? { insecureWebhooks: { flag: '--insecure-webhooks', text: 'true' } }
    : {};
  const { sources, dataDirectory } = openSources(environment, flags, options.configFile);
  const values = readSettings(
    [
      'forgeApi',
      'forgeToken',
      'forgeOrg',
      'webhookSecret',
      'insecureWebhooks',
      'host',
      'port',
      'publicUrl',
      'allowedHosts',
      'maxBottles',
      'approval',
      'stateLabels',
      'watchdogTimeoutMs',
      'runDeadlineMs',
      'commentDebounceMs',
      'leastFree',
      'reconcileIntervalMs',
      'botBottleCli',
      'logLevel',
    ],
    sources,
  );
  const temporal = loadTemporalConfig(environment, sources.problems);
  const routes = readLlmRoutes(sources);
  const keys = readLlmKeys(routes, sources);
  const notifiers = readNotifiers(sources);
  requireForRun(values, sources);
  throwProblems(sources);
  // Without a problem every setting with a default, and every required one, has a value.
  const known = values as Settings & { forgeApi: string; forgeToken: string };
  return {
    ...wellKnownFiles(dataDirectory),
    runtimeDirectory: environment['XDG_RUNTIME_DIR'],
    dockerHost: environment['DOCKER_HOST'],
    forge: { org: known.forgeOrg, apiUrl: known.forgeApi, token: known.forgeToken },
    server: {
      host: known.host,
      port: known.port,
      publicUrl: known.publicUrl,
      allowedHosts: known.allowedHosts ?? [],
      webhookSecret: known.webhookSecret,
    },
    lifecycle: {
      watchdogTimeoutMs: known.watchdogTimeoutMs,
      runDeadlineMs: known.runDeadlineMs,
      commentDebounceMs: known.commentDebounceMs,
      approval: known.approval,
    },
    stateLabels: known.stateLabels,
    reconcileIntervalMs: known.reconcileIntervalMs,
    maxBottles: known.maxBottles,
    llm: { routes: withoutKeys(routes), keys },
    notifiers,
    leastFree: known.leastFree,
    botBottleCli: botBottleCliOf(known.botBottleCli, environment),
    logLevel: known.logLevel,
    temporal: temporal as TemporalConfig,
  };
}

/** Notes what is missing for `orchestrator run`, or does not go together. */
export function requireForRun(values: Partial<Settings>, sources: Sources): void {
  requireSetting('forgeApi', values.forgeApi, sources);
  requireSetting('forgeToken', values.forgeToken, sources);
  if (values.insecureWebhooks === false) {
    const hint = '; --insecure-webhooks accepts unsigned deliveries instead';
    requireSetting('webhookSecret', values.webhookSecret, sources, hint);
  } else if (values.webhookSecret === undefined && !isLoopback(values.host ?? 'localhost')) {
    sources.problems.push(
      `${settings.host.variable}: "${values.host}" is no loopback address, and only there are unsigned deliveries accepted. Accepted: 127.0.0.1, or any address with ${settings.webhookSecret.variable}.`,
    );
  }
}

/**
 * Reads the settings of the command line alone: a secret of the orchestrator that this user may not read is not
 * in the way.
 * @throws ConfigError as `loadConfig` does
 */
export function loadClientConfig(
  environment: Environment,
  options: ClientLoadOptions = {},
): ClientConfig {
  const flags: Flags = {
    ...(options.url !== undefined && { url: { flag: '--url', text: options.url } }),
    ...(options.token !== undefined && { token: { flag: '--token', text: options.token } }),
    ...(options.tokenFile !== undefined && {
      token: { flag: '--token-file', file: options.tokenFile },
    }),
  };
  const { sources, dataDirectory } = openSources(environment, flags, options.configFile);
  const values = readSettings(['host', 'port', 'url', 'token'], sources);
  throwProblems(sources);
  const { url } = values;
  const isHere = url === undefined || isLoopback(new URL(url).hostname);
  return {
    url: url ?? localUrl(values.host as string, values.port as number),
    token: values.token,
    apiTokenFile: isHere ? wellKnownFiles(dataDirectory).apiTokenFile : undefined,
  };
}

/**
 * Reads what manifests are judged by. No key of a model is looked at: that this user may not read it is not in the way.
 * @throws ConfigError as `loadConfig` does
 */
export function loadManifestConfig(
  environment: Environment,
  options: Pick<LoadOptions, 'configFile'> = {},
): ManifestConfig {
  const { sources, dataDirectory } = openSources(environment, {}, options.configFile);
  const routes = readLlmRoutes(sources);
  const { botBottleCli } = readSettings(['botBottleCli'], sources);
  throwProblems(sources);
  return {
    dataDirectory,
    routes: withoutKeys(routes),
    dockerHost: environment['DOCKER_HOST'],
    botBottleCli: botBottleCliOf(botBottleCli as string, environment),
  };
}

/**
 * Reads where notifications go, for a command that tries it. Nothing else is looked at.
 * @throws ConfigError as `loadConfig` does
 */
export function loadNotifierConfig(
  environment: Environment,
  options: Pick<LoadOptions, 'configFile'> = {},
): NotifierSettings {
  const { sources } = openSources(environment, {}, options.configFile);
  const notifiers = readNotifiers(sources);
  throwProblems(sources);
  return notifiers;
}

export function botBottleCliOf(program: string, environment: Environment): Config['botBottleCli'] {
  return {
    program: pathOrName(program, environment),
    path: environment['PATH'] ?? '',
    home: homeOf(environment),
  };
}

/** The data directory says where the file is, unless `--config` does: so it is settled first. */
export function openSources(
  environment: Environment,
  flags: Flags,
  configFile: string | undefined,
): { sources: Sources; dataDirectory: string } {
  const problems: string[] = [];
  const named = configFile === undefined ? undefined : readSettingsFile(configFile, problems);
  const before: Sources = { flags, environment, file: named, problems, faulty: new Set() };
  const { dataDirectory: written } = readSettings(['dataDirectory'], before);
  if (written === undefined) {
    throw new ConfigError(problems.join('\n'));
  }
  const dataDirectory = resolve(expandHome(written, environment));
  const inDirectory = join(dataDirectory, 'orchestrator.toml');
  const file =
    configFile === undefined && existsSync(inDirectory)
      ? readSettingsFile(inDirectory, problems)
      : named;
  const key = tomlKey(settings.dataDirectory.variable);
  if (configFile === undefined && file?.table[key] !== undefined) {
    problems.push(
      `${key} in ${file.path}: cannot be said by the file that lies there. Accepted: ${settings.dataDirectory.variable}, or a file given with --config.`,
    );
  }
  const sources: Sources = { ...before, file };
  findUnknownNames(sources);
  return { sources, dataDirectory };
}

function expandHome(path: string, environment: Environment): string {
  return path.replace(/^~(?=\/|$)/, homeOf(environment));
}

function pathOrName(program: string, environment: Environment): string {
  return program.includes('/') ? resolve(expandHome(program, environment)) : program;
}

function homeOf(environment: Environment): string {
  return environment['HOME'] || homedir();
}

export function wellKnownFiles(dataDirectory: string) {
  return {
    dataDirectory,
    databaseFile: join(dataDirectory, 'orchestrator.db'),
    apiTokenFile: join(dataDirectory, 'api-token'),
  };
}

export function throwProblems(sources: Sources): void {
  if (sources.problems.length > 0) {
    throw new ConfigError(sources.problems.join('\n'));
  }
}

/** All addresses of a machine are no address to connect to. */
export function localUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return httpUrl(reachable, port);
}
