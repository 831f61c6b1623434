import * as z from 'zod';
import { routeForms, routeTable } from './llm-routes.ts';
import { settings, tomlKey, type Setting } from './schema.ts';
import { routesKey } from './sources.ts';

/** The JSON Schema of `orchestrator.toml`, for editors: what may be written, with what it means. */
export function settingsFileSchema(): object {
  const properties = Object.values(settings).map((setting: Setting): [string, object] => {
    const key = tomlKey(setting.variable);
    return setting.secret ? [`${key}_file`, secretFile(setting)] : [key, plain(setting)];
  });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Settings of bot-bottle-orchestrator: orchestrator.toml',
    type: 'object',
    properties: { ...Object.fromEntries(properties), [routesKey]: routes() },
    additionalProperties: false,
  };
}

function secretFile({ variable, description }: Setting): object {
  return {
    description: `${description} Here: the path of a file that holds it alone, or ${variable} in the environment.`,
    type: 'string',
  };
}

function plain({ description, form, schema, default: byDefault }: Setting): object {
  return {
    description: `${description} Accepted: ${form}.`,
    ...(byDefault !== undefined && { default: byDefault }),
    ...textOr(typeOf(schema), schema),
  };
}

/** Values are read as the text that they are written as: `2` and `"2"` are the same. */
function textOr(type: 'integer' | 'boolean' | undefined, schema: Setting['schema']): object {
  const { $schema: _, ...text } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  return type === undefined ? text : { anyOf: [{ type }, text] };
}

function typeOf(schema: Setting['schema']): 'integer' | 'boolean' | undefined {
  const kind = typeof schema.safeParse('1').data;
  if (kind === 'number') return 'integer';
  return kind === 'boolean' ? 'boolean' : undefined;
}

function routes(): object {
  const { $schema: _, ...table } = z.toJSONSchema(routeTable, { io: 'input', target: 'draft-7' });
  const properties = Object.entries(table.properties ?? {}).map(([key, property]) => [
    key,
    { description: routeForms[key as keyof typeof routeForms], ...(property as object) },
  ]);
  return {
    description: 'Model servers as bottles may use them, by the name of the route.',
    type: 'object',
    additionalProperties: { ...table, properties: Object.fromEntries(properties) },
  };
}
