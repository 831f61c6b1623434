import { readFile } from 'node:fs/promises';
import { arch, cpus, freemem, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { ExaminedConfig } from '../config/examine.ts';
import type { Installation } from './installation.ts';
import type { Result } from './examine.ts';
import { recentLogs } from './logs.ts';
import { redaction } from './redaction.ts';
import { inspectStore } from './store.ts';

const patienceMs = 10_000;

/**
 * Everything that helps somebody elsewhere to understand what is wrong, as one JSON text for people to read before they
 * pass it on: no secret, no prompt, no issue's or comment's text, no output of an agent.
 */
export async function makeBundle(
  { config, version, hostId, readManifests }: Installation,
  results: readonly Result[],
): Promise<string> {
  const signal = AbortSignal.timeout(patienceMs);
  const [manifests, store, logs] = await Promise.all([
    readManifests().catch(String),
    inspectStore(config.databaseFile, signal).catch(String),
    recentLogs(config.dataDirectory),
  ]);
  const bundle = {
    madeAt: new Date().toISOString(),
    version,
    machine: {
      node: process.versions.node,
      kernel: release(),
      system: await systemName(),
      architecture: arch(),
      processors: cpus().length,
      memoryBytes: totalmem(),
      freeMemoryBytes: freemem(),
      user: process.getuid?.(),
    },
    hostId,
    findings: results.flatMap(({ check, findings, mended }) =>
      findings.map((finding) => ({ check, ...finding, mended })),
    ),
    settings: settingsOf(config),
    manifests:
      typeof manifests === 'string'
        ? manifests
        : {
            agents: [...manifests.agents].map(([name, { provider, model, bottle }]) => ({
              name,
              provider,
              model,
              bottle,
            })),
            bottles: [...manifests.bottles].map(([name, bottle]) => ({
              name,
              backend: bottle.backend,
              image: bottle.image,
              limits: bottle.limits,
              egress: bottle.egress,
              tools: bottle.tools,
              llm: bottle.llm,
            })),
          },
    store,
    logs,
  };
  const redact = redaction(await secretsOf(config));
  return `${JSON.stringify(bundle, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value), 2)}\n`;
}

function settingsOf({ given, settingsFile, temporal, routes, problems }: ExaminedConfig) {
  return {
    settingsFile,
    problems,
    given,
    temporal: temporal && {
      address: temporal.connectionOptions.address,
      namespace: temporal.namespace,
      tls: temporal.connectionOptions.tls !== undefined && temporal.connectionOptions.tls !== false,
      apiKey: temporal.connectionOptions.apiKey !== undefined,
    },
    routes: Object.entries(routes).map(([name, { protocol, upstream, auth, prices }]) => ({
      name,
      protocol,
      upstream,
      auth,
      prices,
    })),
  };
}

/** All that must not be in it, whether or not it could come there. */
async function secretsOf(config: ExaminedConfig): Promise<string[]> {
  const { temporal, secrets, keys, secretFiles, apiTokenFile } = config;
  const files = await Promise.all(
    [...secretFiles.map(({ path }) => path), apiTokenFile].map((path) =>
      readFile(path, 'utf8').then(
        (text) => [text.trim()],
        () => [],
      ),
    ),
  );
  const { apiKey } = temporal?.connectionOptions ?? {};
  return [
    ...secrets,
    ...Object.values(keys),
    ...files.flat(),
    ...(typeof apiKey === 'string' ? [apiKey] : []),
  ];
}

/** Of the distribution. */
async function systemName(): Promise<string | undefined> {
  const text = await readFile(join('/etc', 'os-release'), 'utf8').catch(() => '');
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(text)?.[1];
}
