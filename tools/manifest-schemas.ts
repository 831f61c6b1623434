/** Writes the JSON Schemas of manifests and settings, for editors, into `docs/schema`: `npm run schemas`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { agentSchema } from '../src/agents/agent-manifest.ts';
import { bottleSchema } from '../src/agents/bottle-manifest.ts';
import { providers } from '../src/agents/providers.ts';
import { settingsFileSchema } from '../src/config/settings-schema.ts';
import { findProjectRoot } from './project-root.ts';

/** By the file's name. They say what may be written, not what it is read as. */
export function manifestSchemas(): Record<string, object> {
  const agents = describe(agentSchema(providers), 'Front matter of agents/<name>.md');
  const bottles = describe(bottleSchema, 'Front matter of bottles/<name>.md');
  return {
    'agent.schema.json': agents,
    'bottle.schema.json': bottles,
    'orchestrator.schema.json': settingsFileSchema(),
  };
}

function describe(schema: z.ZodType, title: string): object {
  return { title, ...z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) };
}

if (import.meta.main) {
  const directory = join(findProjectRoot(), 'docs/schema');
  mkdirSync(directory, { recursive: true });
  for (const [file, schema] of Object.entries(manifestSchemas())) {
    writeFileSync(join(directory, file), `${JSON.stringify(schema, undefined, 2)}\n`);
  }
}
