import { STATUS_CODES } from 'node:http';
import swagger, { type SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

const description = `What runs, what waits and why, and the commands for it.

Times are ISO 8601 in UTC. Lists come in pages: \`nextCursor\` of one is the \`cursor\` of the next, with the same filters. Errors are problem details (RFC 9457). Whatever is asked may be answered with 403 for a page of another site, and with 421 for a host name that is not the orchestrator's.`;

const tags = [
  { name: 'Issues', description: 'What is worked on, and how it stands.' },
  {
    name: 'Commands',
    description:
      "Given to an issue's workflow, which accepts or refuses them; nothing waits for the effect.",
  },
  { name: 'Runs', description: 'Who ran what, when, with which inputs, and how it ended.' },
  { name: 'Deliveries', description: 'What the forge sent, and what became of it.' },
  { name: 'Tokens', description: 'Who may use the API.' },
  { name: 'Health', description: 'For what supervises the orchestrator; without a token.' },
];

/** Describes the routes registered after it as OpenAPI 3.1. */
export async function describeAsOpenApi(part: FastifyInstance, version: string): Promise<void> {
  await part.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'bot-bottle orchestrator', version, description },
      tags,
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => readable(jsonSchemaTransformObject(document)),
  });
}

type OpenApiDocument = ReturnType<SwaggerTransformObject>;

/**
 * Without what only the generator sees: each named schema a second time, as what a route takes (we name what routes
 * answer, and the two are alike), the expression behind `date-time`, the bounds of JavaScript's integers. And with what
 * it does not say: what a status means, and that a body which may be null may be left out.
 */
function readable(document: OpenApiDocument): OpenApiDocument {
  const text = JSON.stringify(document).replaceAll(/"(#\/components\/schemas\/\w+)Input"/g, '"$1"');
  return JSON.parse(text, (key: string, value: unknown) => {
    if (Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER) {
      return undefined;
    }
    if (value === null || typeof value !== 'object') {
      return value;
    }
    if (key === 'schemas') {
      return Object.fromEntries(Object.entries(value).filter(([name]) => !name.endsWith('Input')));
    }
    if (key === 'responses') {
      for (const [status, response] of Object.entries(value as Record<string, Described>)) {
        if (response.description === 'Default Response') {
          response.description = STATUS_CODES[status] ?? 'Answer';
        }
      }
    }
    if (key === 'requestBody') {
      return { ...value, required: !JSON.stringify(value).includes('{"type":"null"}') };
    }
    if ('format' in value && 'pattern' in value) {
      delete value.pattern;
    }
    return value;
  }) as OpenApiDocument;
}

interface Described {
  description: string;
}
