import { basename } from 'node:path';
import type { BottleLimits } from '../bottles/backend.ts';
import type { CliRequest } from '../bottles/host.ts';
import type { BackendName } from '../domain/bottle.ts';
import type { BottleKeys, BottleSource } from './bottle-manifest.ts';
import type { ManifestSource } from './manifest-source.ts';

/** A bottle as it is used: with what it has of those it extends, and the defaults. */
export interface BottleManifest {
  /** Undefined: `local` where it works, else `docker`. */
  readonly backend: BackendName | undefined;
  /** Undefined: the backend's own, where it has images at all. */
  readonly image: string | undefined;
  /** Of a bottle of the backend `bot-bottle`; undefined in all others. */
  readonly cli: Omit<CliRequest, 'agent'> | undefined;
  readonly egress: readonly string[];
  readonly limits: BottleLimits;
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute paths on the host. */
  readonly tools: readonly string[];
  /** Names of routes, in the order of the manifest. */
  readonly llm: readonly string[];
  /** Its own first, then that of the one it extends, and so on. */
  readonly sources: readonly ManifestSource[];
}

/** What a bottle gets whose manifest says nothing: an agent that runs wild must not take the host with it. */
const defaults = { memory: 4 * 1024 ** 3, pids: 1024 } as const;

/** What only our own bottles keep: what the external CLI allows its bottles is not ours to say. */
const ownKeys = [
  'egress',
  'memory',
  'cpus',
  'pids',
  'disk',
  'environment',
  'tools',
  'llm',
] as const satisfies readonly (keyof BottleKeys)[];

/**
 * Puts a bottle together with those it extends. The nearer one wins: its single values replace, its `environment` is
 * added name by name, its `egress`, `llm` and `tools` come after the inherited ones, each entry once.
 * @param bottles all that can be used by themselves
 * @throws ConfigError with the file, the line and the key
 */
export function resolveBottle(
  name: string,
  bottles: ReadonlyMap<string, BottleSource>,
): BottleManifest {
  const lineage = lineageOf(name, bottles);
  const [own] = lineage;
  const keys = lineage.map(({ value }) => value).reduceRight(merge, {});
  if (keys.image !== undefined && keys.backend !== 'docker') {
    throw own.problemAt(
      [own.value.image === undefined ? 'backend' : 'image'],
      `only bottles of the backend docker have an image, which is ${keys.image} here`,
    );
  }
  const foreign = (['engine', 'bottles'] as const).find((key) => keys[key] !== undefined);
  if (foreign !== undefined && keys.backend !== 'bot-bottle') {
    throw own.problemAt(
      [own.value[foreign] === undefined ? 'backend' : foreign],
      `only bottles of the backend bot-bottle have ${foreign}`,
    );
  }
  const ours = ownKeys.find((key) => isGiven(keys[key]));
  if (ours !== undefined && keys.backend === 'bot-bottle') {
    throw own.problemAt(
      [own.value[ours] === undefined ? 'backend' : ours],
      `bottles of the backend bot-bottle have no ${ours} here: the manifests of that CLI say it`,
    );
  }
  const tools = keys.tools ?? [];
  const twice = tools.find((path, index) =>
    tools.slice(0, index).some((other) => basename(other) === basename(path)),
  );
  if (twice !== undefined) {
    throw own.problemAt(['tools'], `two of them would be /opt/tools/${basename(twice)}`);
  }
  return {
    backend: keys.backend,
    image: keys.image,
    cli: cliOf(keys),
    egress: keys.egress ?? [],
    limits: {
      memoryBytes: keys.memory ?? defaults.memory,
      pids: keys.pids ?? defaults.pids,
      ...(keys.cpus !== undefined && { cpus: keys.cpus }),
      ...(keys.disk !== undefined && { diskBytes: keys.disk }),
    },
    environment: keys.environment ?? {},
    tools,
    llm: keys.llm ?? [],
    sources: lineage.map(({ source }) => source),
  };
}

/** What is put together of lists and names is there also when nobody gave any. */
function isGiven(value: BottleKeys[(typeof ownKeys)[number]]): boolean {
  return typeof value === 'object' ? Object.keys(value).length > 0 : value !== undefined;
}

function cliOf({ backend, bottles, engine }: BottleKeys): BottleManifest['cli'] {
  if (backend !== 'bot-bottle') return undefined;
  return { bottles: bottles ?? [], ...(engine !== undefined && { engine }) };
}

/** The bottle, the one it extends, and so on. */
function lineageOf(
  name: string,
  bottles: ReadonlyMap<string, BottleSource>,
): [BottleSource, ...BottleSource[]] {
  const names = [name];
  const own = bottles.get(name);
  if (own === undefined) {
    throw new Error(`there is no bottle ${name}`);
  }
  const lineage: [BottleSource, ...BottleSource[]] = [own];
  for (let last = own; last.value.extends !== undefined;) {
    const parent = last.value.extends;
    const next = bottles.get(parent);
    if (names.includes(parent)) {
      const circle = [...names, parent].join(' → ');
      throw own.problemAt(
        ['extends'],
        parent === name && names.length === 1
          ? 'must be another bottle, not itself'
          : `leads in a circle: ${circle}`,
      );
    }
    if (next === undefined) {
      throw last.problemAt(['extends'], `there is no usable bottles/${parent}.md`);
    }
    names.push(parent);
    lineage.push(next);
    last = next;
  }
  return lineage;
}

function merge(inherited: BottleKeys, own: BottleKeys): BottleKeys {
  const merged = { ...inherited, ...own };
  const lists = (['egress', 'llm', 'tools'] as const).map((key) => [
    key,
    [...new Set([...(inherited[key] ?? []), ...(own[key] ?? [])])],
  ]);
  return {
    ...merged,
    ...(Object.fromEntries(lists) as Pick<BottleKeys, 'egress' | 'llm' | 'tools'>),
    environment: { ...inherited.environment, ...own.environment },
  };
}
