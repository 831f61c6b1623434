import type { LlmRoute } from '../domain/agent.ts';
import { readLlmKeys, readLlmRoutes, withoutKeys, type RouteSetting } from './llm-routes.ts';
import {
  botBottleCliOf,
  openSources,
  requireForRun,
  wellKnownFiles,
  type Config,
  type LoadOptions,
} from './load.ts';
import { readNotifiers } from './notifiers.ts';
import { settings, tomlKey, type Setting, type SettingName, type Settings } from './schema.ts';
import { readSettings, type Environment, type Sources } from './sources.ts';
import { loadTemporalConfig, type TemporalConfig } from './temporal.ts';

/**
 * The settings as far as they can be used, whatever is wrong with the others: for `doctor`. A part is undefined when a
 * problem is in its way.
 */
export interface ExaminedConfig extends Pick<
  Config,
  'dataDirectory' | 'databaseFile' | 'apiTokenFile' | 'runtimeDirectory' | 'dockerHost'
> {
  /** One line each, as a `ConfigError` has them. */
  readonly problems: readonly string[];
  /** The path of the settings file, if there is one. */
  readonly settingsFile: string | undefined;
  readonly forge: Config['forge'] | undefined;
  /** Of a person who may change more, for this command alone. */
  readonly setupToken: string | undefined;
  readonly server:
    | Pick<Config['server'], 'host' | 'port' | 'publicUrl' | 'webhookSecret'>
    | undefined;
  readonly temporal: TemporalConfig | undefined;
  readonly routes: Readonly<Record<string, LlmRoute>>;
  /** Of the routes that have one which can be read, by name. */
  readonly keys: Readonly<Record<string, string>>;
  readonly botBottleCli: Config['botBottleCli'];
  readonly secretFiles: readonly SecretFile[];
  /** The secrets that were given, in files and otherwise, usable or not: so that they can be kept out of what is shown. */
  readonly secrets: readonly string[];
  /** What was given, by the variable's name; of secrets only where they come from. */
  readonly given: Readonly<Record<string, string>>;
}

/** A file that a setting names because it holds a secret. */
export interface SecretFile {
  /** As error messages call the setting. */
  readonly setting: string;
  readonly path: string;
}

/** @throws ConfigError when not even the data directory is known */
export function examineConfig(environment: Environment, options: LoadOptions = {}): ExaminedConfig {
  const flags = options.insecureWebhooks
    ? { insecureWebhooks: { flag: '--insecure-webhooks', text: 'true' } }
    : {};
  const { sources, dataDirectory } = openSources(environment, flags, options.configFile);
  const values = readSettings(Object.keys(settings) as (keyof typeof settings)[], sources);
  const temporal = loadTemporalConfig(environment, sources.problems);
  const routes = readLlmRoutes(sources);
  const keys = readLlmKeys(routes, sources);
  readNotifiers(sources);
  requireForRun(values, sources);
  const { forgeApi, forgeToken, forgeOrg, host, port, webhookSecret, publicUrl } = values;
  const signed = webhookSecret !== undefined || values.insecureWebhooks === true;
  return {
    problems: [...new Set(sources.problems)],
    settingsFile: sources.file?.path,
    ...wellKnownFiles(dataDirectory),
    runtimeDirectory: environment['XDG_RUNTIME_DIR'],
    dockerHost: environment['DOCKER_HOST'],
    forge:
      forgeApi === undefined || forgeToken === undefined || forgeOrg === undefined
        ? undefined
        : { apiUrl: forgeApi, token: forgeToken, org: forgeOrg },
    setupToken: values.setupToken,
    server:
      host === undefined || port === undefined || !signed
        ? undefined
        : { host, port, publicUrl, webhookSecret },
    temporal,
    routes: withoutKeys(routes),
    keys,
    botBottleCli: botBottleCliOf(values.botBottleCli ?? settings.botBottleCli.default, environment),
    secretFiles: findSecretFiles(routes, sources),
    secrets: findSecrets(values, sources),
    given: findGiven(sources),
  };
}

function findSecrets(values: Partial<Settings>, { environment }: Sources): string[] {
  const names = Object.keys(settings) as SettingName[];
  const secret = names.filter((name) => (settings[name] as Setting).secret);
  const written = secret.map((name) => environment[settings[name].variable]);
  return [...written, ...secret.map((name) => values[name])].filter(
    (value): value is string => typeof value === 'string' && value !== '',
  );
}

function findSecretFiles(
  routes: Readonly<Record<string, RouteSetting>>,
  { environment, file }: Sources,
): SecretFile[] {
  const ofSettings = Object.values(settings).flatMap((setting: Setting): SecretFile[] => {
    if (!setting.secret) return [];
    const variable = `${setting.variable}_FILE`;
    const key = tomlKey(variable);
    const [name, path] = environment[variable]
      ? [variable, environment[variable]]
      : [`${key} in ${file?.path}`, file?.table[key]];
    return typeof path === 'string' ? [{ setting: name, path }] : [];
  });
  const ofRoutes = Object.values(routes).flatMap(({ key }): SecretFile[] =>
    key !== undefined && 'file' in key ? [{ setting: key.name, path: key.file }] : [],
  );
  return [...ofSettings, ...ofRoutes];
}

function findGiven({ environment, file }: Sources): Record<string, string> {
  const given: Record<string, string> = {};
  const written = (key: string): string | undefined => {
    const value = file?.table[tomlKey(key)];
    return value === undefined ? undefined : JSON.stringify(value);
  };
  for (const setting of Object.values(settings) as Setting[]) {
    const { variable } = setting;
    if (!setting.secret) {
      const text = environment[variable] || written(variable);
      if (text !== undefined) given[variable] = text;
    } else if (environment[variable]) {
      given[variable] = 'given in the environment';
    } else {
      const path = environment[`${variable}_FILE`] || written(`${variable}_FILE`);
      if (path !== undefined) given[variable] = `in the file ${path}`;
    }
  }
  return given;
}
