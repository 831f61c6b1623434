import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

/** Describes the routes registered after it as OpenAPI 3.1. */
export async function describeAsOpenApi(part: FastifyInstance, version: string): Promise<void> {
  await part.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'bot-bottle orchestrator',
        version,
        description:
          'What runs, what waits and why, and the commands for it. Times are ISO 8601 in UTC. Errors are problem details (RFC 9457).',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
}
