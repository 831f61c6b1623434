import { manifestSchemas } from '../manifest-schemas.ts';
import { code, codeList, markdownTable } from './markdown.ts';

/** As much of JSON Schema as the manifests' have. */
interface KeySchema {
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly const?: string;
}

interface KeysSchema {
  readonly properties: Readonly<Record<string, KeySchema>>;
  readonly required?: readonly string[];
}

/** The keys of `agents/<name>.md`, those of all providers first. */
export function agentKeysReference(): string {
  const { oneOf } = schema('agent.schema.json') as { oneOf: KeysSchema[] };
  const providers = oneOf.map(({ properties }) => String(properties['provider']?.const));
  const names = new Set(oneOf.flatMap(({ properties }) => Object.keys(properties)));
  const rows = [...names].map((name) => {
    const having = oneOf.flatMap((one, index) =>
      one.properties[name] === undefined ? [] : [{ one, provider: providers[index] ?? '' }],
    );
    const [first] = having;
    return {
      providers: having.map(({ provider }) => provider),
      isRequired: first?.one.required?.includes(name) ?? false,
      name,
      key:
        name === 'provider'
          ? { ...first?.one.properties[name], enum: providers }
          : first?.one.properties[name],
    };
  });
  return markdownTable(
    ['key', 'such as', 'of the providers', 'meaning'],
    rows
      .toSorted((one, other) => other.providers.length - one.providers.length)
      .map(({ name, key, providers: having, isRequired }) => [
        code(name),
        example(name, key),
        having.length === providers.length ? 'all' : codeList(having),
        `${isRequired ? 'Required. ' : ''}${key?.description}`,
      ]),
  );
}

/** The keys of `bottles/<name>.md`, in the order of the schema. */
export function bottleKeysReference(): string {
  const { properties } = schema('bottle.schema.json') as KeysSchema;
  return markdownTable(
    ['key', 'such as', 'meaning'],
    Object.entries(properties).map(([name, key]) => [
      code(name),
      example(name, key),
      String(key.description),
    ]),
  );
}

function schema(file: string): unknown {
  return JSON.parse(JSON.stringify(manifestSchemas()[file]));
}

/** All values where there are few, else one as it is written in YAML. */
function example(name: string, key: KeySchema | undefined): string {
  const values = key?.enum ?? key?.examples;
  if (values === undefined) {
    throw new Error(`the schema of ${name} has no examples`);
  }
  return codeList(values.map(inYaml));
}

function inYaml(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(inYaml).join(', ')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, one]) => `${key}: ${inYaml(one)}`)
      .join(', ')}}`;
  }
  const text = String(value);
  return typeof value === 'string' && !/^[\w./:@-]+$/.test(text) ? JSON.stringify(text) : text;
}
