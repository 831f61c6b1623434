import { z } from 'zod';
import type { LlmRoute } from '../domain/agent.ts';
import { nearestName } from './nearest-name.ts';
import { httpToken, settings, tomlKey, webAddress, type SettingName } from './schema.ts';
import { readSecretFile, readSettings, routesKey, type Sources } from './sources.ts';

/** A route and where its key is to be read. */
export interface RouteSetting {
  readonly route: LlmRoute;
  readonly key: KeySource | undefined;
}

export type KeySource =
  | { readonly setting: SettingName }
  /** `name`: what an error message calls it. */
  | { readonly file: string; readonly name: string };

/** What the environment says of a route, and what is so unless `orchestrator.toml` says otherwise. */
interface KnownRoute {
  readonly upstream: string | undefined;
  readonly defaults: Pick<LlmRoute, 'protocol' | 'upstream' | 'auth'>;
  readonly key: KeySource | undefined;
  /** Which its key may come in. */
  readonly variable: string;
}

const dollars = z.number('is not a number').nonnegative('is less than 0');

const price = z.strictObject(
  {
    input: dollars,
    output: dollars,
    cache_read: dollars.optional(),
    cache_write: dollars.optional(),
  },
  'is not a table',
);

const protocols = ['anthropic-messages', 'openai-responses', 'openai-completions'] as const;
const auths = ['x-api-key', 'bearer', 'subscription', 'none'] as const;

/** One table `[llm_routes.<name>]`. */
export const routeTable = z.strictObject(
  {
    protocol: z.enum(protocols, 'is not a protocol').optional(),
    upstream: z.string('is not a text').pipe(webAddress()).optional(),
    auth: z.enum(auths, 'is no way to send a key').optional(),
    key_file: z.string('is not a text').min(1, 'is empty').optional(),
    prices: z.record(z.string(), price, 'is not a table').optional(),
    remote_tools: z.boolean('is neither true nor false').optional(),
  },
  'is not a table',
);

/** How its keys are written, for error messages. */
export const routeForms: Readonly<Record<keyof RouteTable, string>> = {
  protocol: protocols.join(', '),
  upstream: 'an http(s) address to which the paths of the protocol are added',
  auth: auths.join(', '),
  key_file: 'the path of a file that holds the key alone',
  prices:
    'a table for each model with input and output, and cache_read and cache_write if they differ from input: US dollars per million tokens',
  remote_tools: 'true or false',
};

type RouteTable = z.infer<typeof routeTable>;

/**
 * The routes of `orchestrator.toml`, and those that the environment's keys make. Notes problems. A table with the
 * name of one of the latter says only what is different, prices for example.
 */
export function readLlmRoutes(sources: Sources): Record<string, RouteSetting> {
  const known = knownRoutes(sources);
  const tables = readTables(sources);
  const routes: Record<string, RouteSetting> = {};
  for (const name of new Set([...Object.keys(known), ...Object.keys(tables)])) {
    const table = tables[name];
    const base = known[name as keyof typeof known];
    if (table === undefined && base?.key === undefined) {
      continue;
    }
    const route = makeRoute(name, table ?? {}, base, sources);
    if (route !== undefined) {
      routes[name] = route;
    }
  }
  return routes;
}

/** The keys of the routes that have one. Notes problems. */
export function readLlmKeys(
  routes: Readonly<Record<string, RouteSetting>>,
  sources: Sources,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(routes).flatMap(([name, { key }]) => {
      const text = key === undefined ? undefined : readKey(key, sources);
      return text === undefined ? [] : [[name, text] as const];
    }),
  );
}

export function withoutKeys(
  routes: Readonly<Record<string, RouteSetting>>,
): Record<string, LlmRoute> {
  return Object.fromEntries(Object.entries(routes).map(([name, { route }]) => [name, route]));
}

function knownRoutes(sources: Sources) {
  const { problems } = sources;
  const { anthropicBaseUrl, openaiBaseUrl } = readSettings(
    ['anthropicBaseUrl', 'openaiBaseUrl'],
    sources,
  );
  const subscribed = isGiven('claudeCodeOauthToken', sources);
  if (subscribed && isGiven('anthropicApiKey', sources)) {
    problems.push(
      'CLAUDE_CODE_OAUTH_TOKEN: is given beside ANTHROPIC_API_KEY. Accepted: one of them.',
    );
  }
  return {
    anthropic: {
      upstream: anthropicBaseUrl,
      defaults: {
        protocol: 'anthropic-messages',
        upstream: 'https://api.anthropic.com',
        auth: subscribed ? 'subscription' : 'x-api-key',
      },
      key: subscribed
        ? { setting: 'claudeCodeOauthToken' }
        : isGiven('anthropicApiKey', sources)
          ? { setting: 'anthropicApiKey' }
          : undefined,
      variable: settings.anthropicApiKey.variable,
    },
    openai: {
      upstream: openaiBaseUrl,
      defaults: {
        protocol: 'openai-responses',
        upstream: 'https://api.openai.com/v1',
        auth: 'bearer',
      },
      key: isGiven('openaiApiKey', sources) ? { setting: 'openaiApiKey' } : undefined,
      variable: settings.openaiApiKey.variable,
    },
  } as const satisfies Record<string, KnownRoute>;
}

/** In the environment or the file, whatever it is worth. */
function isGiven(name: SettingName, { environment, file }: Sources): boolean {
  const { variable } = settings[name];
  return Boolean(
    environment[variable] ||
    environment[`${variable}_FILE`] ||
    file?.table[`${tomlKey(variable)}_file`],
  );
}

/** By name; one that cannot be used is left out, with a problem noted. */
function readTables({ file, problems }: Sources): Record<string, RouteTable> {
  const written = file?.table[routesKey] ?? {};
  if (file === undefined) {
    return {};
  }
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    problems.push(
      `${routesKey} in ${file.path}: is not a table. Accepted: tables [${routesKey}.<name>].`,
    );
    return {};
  }
  const tables: Record<string, RouteTable> = {};
  for (const [name, table] of Object.entries(written)) {
    const key = `${routesKey}.${name}`;
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || name.length > 63) {
      problems.push(
        `${key} in ${file.path}: is not the name of a route. Accepted: kebab-case, such as my-route.`,
      );
      continue;
    }
    const parsed = routeTable.safeParse(table);
    if (parsed.success) {
      tables[name] = parsed.data;
    } else {
      problems.push(
        ...parsed.error.issues.flatMap((issue) => tableProblems(key, file.path, issue)),
      );
    }
  }
  return tables;
}

function tableProblems(table: string, file: string, issue: z.core.$ZodIssue): string[] {
  const at = (path: readonly PropertyKey[]): string => `${[table, ...path].join('.')} in ${file}`;
  const [key] = issue.path;
  if (issue.code !== 'unrecognized_keys') {
    const form =
      key === undefined ? `[${table}] with key = value lines` : routeForms[key as keyof RouteTable];
    return [`${at(issue.path)}: ${issue.message}. Accepted: ${form}.`];
  }
  return issue.keys.map((name) => {
    if (issue.path.length > 0) {
      return `${at([...issue.path, name])}: is not a setting. Accepted: ${routeForms.prices}.`;
    }
    if (name === 'key') {
      return `${at([name])}: is a secret. Accepted: key_file with the path of a file.`;
    }
    const meant = nearestName(name, Object.keys(routeForms));
    const accepted =
      meant === undefined
        ? `one of ${Object.keys(routeForms).join(', ')}`
        : `${meant}, if that was meant`;
    return `${at([name])}: is not a setting. Accepted: ${accepted}.`;
  });
}

function makeRoute(
  name: string,
  table: RouteTable,
  known: KnownRoute | undefined,
  { file, problems }: Sources,
): RouteSetting | undefined {
  const protocol = table.protocol ?? known?.defaults.protocol;
  const upstream = known?.upstream ?? table.upstream ?? known?.defaults.upstream;
  const auth = table.auth ?? known?.defaults.auth;
  const at = (key: keyof RouteTable): string => `${routesKey}.${name}.${key} in ${file?.path}`;
  const key =
    known?.key ??
    (table.key_file === undefined ? undefined : { file: table.key_file, name: at('key_file') });
  for (const [name, value] of Object.entries({ protocol, upstream, auth })) {
    if (value === undefined) {
      const one = name as keyof RouteTable;
      problems.push(`${at(one)}: is missing. Accepted: ${routeForms[one]}.`);
    }
  }
  if (auth !== undefined && auth !== 'none' && key === undefined) {
    const orVariable = known === undefined ? '' : `, or the environment variable ${known.variable}`;
    problems.push(`${at('key_file')}: is missing. Accepted: ${routeForms.key_file}${orVariable}.`);
  }
  if (auth === 'none' && table.key_file !== undefined) {
    problems.push(`${at('key_file')}: is given, and auth is none. Accepted: one of them.`);
  }
  if (protocol === undefined || upstream === undefined || auth === undefined) {
    return undefined;
  }
  return {
    route: {
      protocol,
      upstream,
      auth,
      prices: toPrices(table.prices),
      remoteTools: table.remote_tools ?? false,
    },
    key: auth === 'none' ? undefined : key,
  };
}

function toPrices(prices: RouteTable['prices'] = {}): LlmRoute['prices'] {
  return Object.fromEntries(
    Object.entries(prices).map(([model, { input, output, cache_read, cache_write }]) => [
      model,
      {
        input,
        output,
        ...(cache_read !== undefined && { cacheRead: cache_read }),
        ...(cache_write !== undefined && { cacheWrite: cache_write }),
      },
    ]),
  );
}

function readKey(key: KeySource, sources: Sources): string | undefined {
  if ('setting' in key) {
    return readSettings([key.setting], sources)[key.setting] as string | undefined;
  }
  const text = readSecretFile(key.name, key.file, sources.problems);
  const parsed = httpToken.safeParse(text);
  if (text !== undefined && !parsed.success) {
    const problem = parsed.error.issues[0]?.message;
    sources.problems.push(`${key.name}: ${problem}. Accepted: ${routeForms.key_file}.`);
  }
  return parsed.data;
}
