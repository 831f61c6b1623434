import { join } from 'node:path';
import { openSources, throwProblems } from './load.ts';
import { settings, tomlKey, type SettingName, type Settings } from './schema.ts';
import { readSettings, type Environment, type Flags, type Sources } from './sources.ts';

/** What may be there of the settings while they are being made. Paths absolute. */
export interface SetupConfig {
  readonly dataDirectory: string;
  /** `orchestrator.toml`, which may not be there yet. */
  readonly settingsFile: string;
  readonly apiUrl: string | undefined;
  /** Of the orchestrator's account. */
  readonly token: string | undefined;
  /** Of a person, for the time of the command. */
  readonly setupToken: string | undefined;
  readonly org: string;
  readonly webhookSecret: string | undefined;
  readonly publicUrl: string | undefined;
  readonly host: string;
  /** Somebody has decided on `host`. */
  readonly hostIsGiven: boolean;
  readonly port: number;
  /** Where the two secrets lie, of those that are in a file already. */
  readonly secretFiles: { readonly token?: string; readonly webhookSecret?: string };
}

/** What the command line says; a secret as the path of its file. */
export interface SetupFlags {
  readonly configFile?: string;
  /** `--forge`: with or without `/api/v1`. */
  readonly forge?: string;
  readonly forgeTokenFile?: string;
  readonly setupTokenFile?: string;
  readonly org?: string;
  readonly publicUrl?: string;
}

/**
 * Reads the settings that set-up needs, as far as they are there.
 * @throws ConfigError for those that are there and cannot be used
 */
export function loadSetupConfig(environment: Environment, options: SetupFlags = {}): SetupConfig {
  const { sources, dataDirectory } = openSources(environment, flagsOf(options), options.configFile);
  const values = readSettings(
    [
      'forgeApi',
      'forgeToken',
      'setupToken',
      'forgeOrg',
      'webhookSecret',
      'publicUrl',
      'host',
      'port',
    ],
    sources,
  );
  throwProblems(sources);
  const token = fileOf('forgeToken', sources);
  const webhookSecret = fileOf('webhookSecret', sources);
  const { host, port, forgeOrg } = values as Settings;
  return {
    dataDirectory,
    settingsFile: options.configFile ?? join(dataDirectory, 'orchestrator.toml'),
    apiUrl: values.forgeApi,
    token: values.forgeToken,
    setupToken: values.setupToken,
    org: forgeOrg,
    webhookSecret: values.webhookSecret,
    publicUrl: values.publicUrl,
    host,
    hostIsGiven: isGiven('host', sources),
    port,
    secretFiles: {
      ...(token !== undefined && { token }),
      ...(webhookSecret !== undefined && { webhookSecret }),
    },
  };
}

/** The API's address for what people know: the address of the forge's page. */
export function toApiUrl(forge: string): string {
  const bare = forge.replace(/\/+$/, '');
  return bare.endsWith('/api/v1') ? bare : `${bare}/api/v1`;
}

function flagsOf(options: SetupFlags): Flags {
  const { forge, forgeTokenFile, setupTokenFile, org, publicUrl } = options;
  return {
    ...(forge !== undefined && { forgeApi: { flag: '--forge', text: toApiUrl(forge) } }),
    ...(forgeTokenFile !== undefined && {
      forgeToken: { flag: '--forge-token-file', file: forgeTokenFile },
    }),
    ...(setupTokenFile !== undefined && {
      setupToken: { flag: '--setup-token-file', file: setupTokenFile },
    }),
    ...(org !== undefined && { forgeOrg: { flag: '--org', text: org } }),
    ...(publicUrl !== undefined && { publicUrl: { flag: '--public-url', text: publicUrl } }),
  };
}

/** The settings file names one, and nothing stronger says otherwise. */
function fileOf(name: SettingName, { flags, environment, file }: Sources): string | undefined {
  const { variable } = settings[name];
  const written = file?.table[`${tomlKey(variable)}_file`];
  const isOverruled = flags[name] ?? (environment[variable] || environment[`${variable}_FILE`]);
  return isOverruled || typeof written !== 'string' ? undefined : written;
}

function isGiven(name: SettingName, { environment, file }: Sources): boolean {
  const { variable } = settings[name];
  return Boolean(environment[variable]) || file?.table[tomlKey(variable)] !== undefined;
}
