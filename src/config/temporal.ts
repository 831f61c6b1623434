import { accessSync } from 'node:fs';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import type { Environment } from './sources.ts';

/** How to reach Temporal: fits `Connection.connect` and `NativeConnection.connect` alike. */
export interface TemporalConfig {
  readonly connectionOptions: ClientConnectConfig['connectionOptions'] & {
    readonly address: string;
  };
  readonly namespace: string;
}

/**
 * Follows Temporal's own environment configuration: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`,
 * `TEMPORAL_TLS…`, `TEMPORAL_CONFIG_FILE`, `TEMPORAL_PROFILE`. Undefined, with a problem noted, when that is wrong.
 */
export function loadTemporalConfig(
  environment: Environment,
  problems: string[],
): TemporalConfig | undefined {
  const before = problems.length;
  problems.push(...silentMistakes(environment));
  if (problems.length > before) {
    return undefined;
  }
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: Object.fromEntries(
        Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1])),
      ),
    });
    return {
      connectionOptions: {
        ...connectionOptions,
        address: connectionOptions.address ?? 'localhost:7233',
      },
      namespace: namespace ?? 'default',
    };
  } catch (error) {
    // The first line only: a parse error quotes its source below, keys included.
    const problem = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    problems.push(
      `TEMPORAL_…: ${problem}. Accepted: Temporal's environment configuration, see \`temporal env --help\`.`,
    );
    return undefined;
  }
}

/** What the library takes without a word and reads as something else than was meant. */
function* silentMistakes(environment: Environment): Generator<string> {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_TLS: tls, TEMPORAL_CONFIG_FILE: file } = environment;
  if (address && !/^[^/\s@]+:\d{1,5}$/.test(address)) {
    yield `TEMPORAL_ADDRESS: is not host:port. Accepted: host:port, such as localhost:7233.`;
  }
  if (tls && !/^(1|0|true|false)$/.test(tls)) {
    yield `TEMPORAL_TLS: ${JSON.stringify(tls)} is neither true nor false. Accepted: true or false.`;
  }
  if (file) {
    try {
      accessSync(file);
    } catch {
      yield `TEMPORAL_CONFIG_FILE: ${JSON.stringify(file)} cannot be read. Accepted: the path of a TOML file.`;
    }
  }
  for (const [one, other] of [
    ['TEMPORAL_TLS_CLIENT_CERT', 'TEMPORAL_TLS_CLIENT_KEY'],
    ['TEMPORAL_TLS_CLIENT_KEY', 'TEMPORAL_TLS_CLIENT_CERT'],
  ] as const) {
    if (has(environment, one) && !has(environment, other) && !file) {
      yield `${one}_PATH: is given without ${other}_PATH. Accepted: both, or neither.`;
    }
  }
}

function has(environment: Environment, name: string): boolean {
  return Boolean(environment[`${name}_PATH`] || environment[`${name}_DATA`]);
}
