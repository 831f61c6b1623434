import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { nearestName } from './nearest-name.ts';
import { settings, tomlKey, type Setting, type SettingName, type Settings } from './schema.ts';

/** The environment a process was given. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the command line says: stronger than the environment. */
export type Flags = { readonly [Name in SettingName]?: Flag };
type Flag =
  | { readonly flag: string; readonly text: string }
  | { readonly flag: string; readonly file: string };

/** Where settings are looked for, the strongest first, and what was found to be wrong. */
export interface Sources {
  readonly flags: Flags;
  readonly environment: Environment;
  readonly file: SettingsFile | undefined;
  /** Collected, so that one start tells them all. */
  readonly problems: string[];
  /** The settings among them: given, and unusable. */
  readonly faulty: Set<SettingName>;
}

export interface SettingsFile {
  readonly path: string;
  readonly table: Readonly<Record<string, unknown>>;
}

/** Where a setting was found; `name` is what an error message calls it. Without a text a problem was noted. */
interface Found {
  readonly name: string;
  readonly text: string | undefined;
}

/** Reads a TOML file into a flat table. Undefined, with a problem noted, when that fails. */
export function readSettingsFile(path: string, problems: string[]): SettingsFile | undefined {
  const text = readText(path, path, 'a TOML file that can be read', problems);
  if (text === undefined) {
    return undefined;
  }
  try {
    return { path, table: parse(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) {
      throw error;
    }
    // Its message quotes the line, which may hold a secret.
    problems.push(
      `${path}: is not TOML at line ${error.line}, column ${error.column}. Accepted: key = value lines.`,
    );
    return undefined;
  }
}

/** Resolves some settings; those that nobody needs are not looked at, so that they cannot be in the way. */
export function readSettings<Name extends SettingName>(
  names: readonly Name[],
  sources: Sources,
): Partial<Pick<Settings, Name>> {
  const values: Partial<Record<SettingName, unknown>> = {};
  for (const name of names) {
    const before = sources.problems.length;
    values[name] = readSetting(name, sources);
    if (sources.problems.length > before) {
      sources.faulty.add(name);
    }
  }
  return values as Partial<Pick<Settings, Name>>;
}

/** Notes that a setting is missing, unless it was given and is known to be faulty. */
export function requireSetting(
  name: SettingName,
  value: unknown,
  sources: Sources,
  hint = '',
): void {
  const setting: Setting = settings[name];
  if (value === undefined && !sources.faulty.has(name)) {
    const orFile = setting.secret
      ? `, or ${setting.variable}_FILE with the path of a file that holds it`
      : '';
    sources.problems.push(
      `${setting.variable}: is missing. Accepted: ${setting.form}${orFile}${hint}.`,
    );
  }
}

function readSetting(name: SettingName, sources: Sources): unknown {
  const setting: Setting = settings[name];
  const found =
    fromFlag(sources.flags[name], sources) ??
    fromEnvironment(setting, sources) ??
    fromFile(setting, sources);
  const text = found === undefined ? setting.default : found.text;
  if (text === undefined) {
    return undefined;
  }
  const result = setting.schema.safeParse(text);
  if (result.success) {
    return result.data;
  }
  // An address may hold a password where none belongs.
  const shown = setting.secret || text.includes('@') ? '' : ` ${quote(text)}`;
  const problem = result.error.issues[0]?.message ?? 'cannot be used';
  sources.problems.push(
    `${found?.name ?? setting.variable}:${shown} ${problem}. Accepted: ${setting.form}.`,
  );
  return undefined;
}

function fromFlag(flag: Flag | undefined, { problems }: Sources): Found | undefined {
  if (flag === undefined) {
    return undefined;
  }
  return 'text' in flag
    ? { name: flag.flag, text: flag.text }
    : fromSecretFile(flag.flag, flag.file, problems);
}

/** An empty variable counts as none: that is how compose files and unit files leave one out. */
function fromEnvironment(setting: Setting, { environment, problems }: Sources): Found | undefined {
  const text = environment[setting.variable];
  const file = setting.secret ? environment[`${setting.variable}_FILE`] : undefined;
  if (text && file) {
    problems.push(
      `${setting.variable}: is given twice, with ${setting.variable}_FILE. Accepted: one of them.`,
    );
    return { name: setting.variable, text: undefined };
  }
  if (file) {
    return fromSecretFile(`${setting.variable}_FILE`, file, problems);
  }
  return text ? { name: setting.variable, text } : undefined;
}

function fromFile(setting: Setting, { file, problems }: Sources): Found | undefined {
  const key = setting.secret ? `${tomlKey(setting.variable)}_file` : tomlKey(setting.variable);
  const value = file?.table[key];
  if (file === undefined || value === undefined) {
    return undefined;
  }
  const name = `${key} in ${file.path}`;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    const form = setting.secret ? 'the path of a file' : setting.form;
    problems.push(`${name}: is not a text, a number, true or false. Accepted: ${form}.`);
    return { name, text: undefined };
  }
  return setting.secret
    ? fromSecretFile(name, String(value), problems)
    : { name, text: String(value) };
}

function fromSecretFile(name: string, path: string, problems: string[]): Found {
  return { name, text: readSecretFile(name, path, problems) };
}

/** Undefined, with a problem noted, when that fails. @param name what an error message calls it */
export function readSecretFile(name: string, path: string, problems: string[]): string | undefined {
  const text = readText(name, path, 'the path of a file that holds the secret alone', problems);
  return text?.replace(/[\r\n]+$/, '');
}

function readText(
  name: string,
  path: string,
  form: string,
  problems: string[],
): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const where = name === path ? '' : ` ${quote(path)}`;
    problems.push(`${name}:${where} cannot be read (${code}). Accepted: ${form}.`);
    return undefined;
  }
}

const variables = Object.values(settings).flatMap((setting: Setting) =>
  setting.secret ? [setting.variable, `${setting.variable}_FILE`] : [setting.variable],
);

/** The only table of the file: what it holds is read by `llm-routes.ts`. */
export const routesKey = 'llm_routes';

/** Notes every name that is ours, or was surely meant to be, and that no setting has. */
export function findUnknownNames({ environment, file, problems }: Sources): void {
  for (const name of Object.keys(environment)) {
    if (variables.includes(name)) {
      continue;
    }
    const meant = nearestName(name, variables);
    if (meant !== undefined || isInOurNamespace(name)) {
      problems.push(unknown(name, meant, 'see `orchestrator run --help`'));
    }
  }
  if (file === undefined) {
    return;
  }
  const secrets = Object.values(settings).filter((setting: Setting) => setting.secret);
  const keys = variables
    .map(tomlKey)
    .filter((key) => !secrets.some((s) => tomlKey(s.variable) === key));
  for (const key of Object.keys(file.table).filter((key) => key !== routesKey)) {
    const secret = secrets.find((setting) => tomlKey(setting.variable) === key);
    if (secret !== undefined) {
      problems.push(
        `${key} in ${file.path}: is a secret. Accepted: ${key}_file with the path of a file, or the environment variable ${secret.variable}.`,
      );
    } else if (!keys.includes(key)) {
      problems.push(
        unknown(
          `${key} in ${file.path}`,
          nearestName(key, [...keys, routesKey]),
          `one of ${keys.join(', ')}`,
        ),
      );
    }
  }
}

/**
 * `FORGE_` alone is not ours: other programs use it too. Nor is what Kubernetes sets in every pod beside a service
 * called `orchestrator`.
 */
function isInOurNamespace(name: string): boolean {
  return (
    /^(ORCHESTRATOR_|FORGE_WEBHOOK_|FORGE_WATCHDOG_|FORGE_GITEA_)/.test(name) &&
    !/^ORCHESTRATOR_(SERVICE_|PORT)/.test(name)
  );
}

function unknown(name: string, meant: string | undefined, accepted: string): string {
  return `${name}: is not a setting. Accepted: ${meant === undefined ? accepted : `${meant}, if that was meant`}.`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
