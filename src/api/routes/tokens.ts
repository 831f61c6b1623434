import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { tokenScopes } from '../../domain/api-token.ts';
import { adminName, digestOf, newToken } from '../callers.ts';
import { ProblemError, problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';
import { createdTokenView, tokenView, viewToken } from '../views/token.ts';

const name = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, {
    error: 'must be 1 to 64 letters, digits, dots, dashes, underscores',
  })
  .refine((text) => text.toLowerCase() !== adminName, {
    error: 'is what the token in the data directory is called',
  })
  .meta({ description: 'What it is for, or who has it. Letter case does not tell two apart.' });

const newTokenBody = z.strictObject({
  name,
  scope: z.enum(tokenScopes).default('write'),
  expiresInSeconds: z
    .int()
    .min(1)
    .max(10 * 365 * 86_400)
    .optional()
    .meta({ description: 'Without it, it is good until it is revoked.' }),
});

const tags = ['Tokens'];

/** Only with the token in the data directory: one that leaked must not be able to make itself a successor. */
export const tokenRoutes: FastifyPluginAsyncZod<ServerParts> = async (server, { store }) => {
  server.addHook('onRequest', async ({ caller }) => {
    if (caller?.scope !== 'admin') {
      throw new ProblemError(
        403,
        "Tokens are made, listed and revoked with the token in the file api-token in the orchestrator's data directory only.",
      );
    }
  });

  server.get(
    '/tokens',
    {
      schema: {
        tags,
        operationId: 'listTokens',
        summary: 'The tokens of the API, besides the one in the data directory',
        response: { 200: z.object({ tokens: z.array(tokenView) }), ...problems(401, 403, 429) },
      },
    },
    async () => ({ tokens: (await store.apiTokens.all()).map(viewToken) }),
  );

  server.post(
    '/tokens',
    {
      schema: {
        tags,
        operationId: 'createToken',
        summary: 'Make a token',
        body: newTokenBody,
        response: { 201: createdTokenView, ...problems(400, 401, 403, 409, 429) },
      },
    },
    async ({ body, log }, reply) => {
      const token = newToken();
      const createdAt = Date.now();
      const record = {
        name: body.name,
        digest: digestOf(token),
        scope: body.scope,
        createdAt,
        expiresAt:
          body.expiresInSeconds === undefined
            ? undefined
            : createdAt + body.expiresInSeconds * 1000,
      };
      if (!(await store.apiTokens.add(record))) {
        throw new ProblemError(
          409,
          `There is a token ${body.name} already. Revoke it first, or take another name.`,
        );
      }
      log.info({ tokenName: body.name, scope: body.scope }, 'token made');
      return reply.code(201).send({ ...viewToken({ ...record, lastUsedAt: undefined }), token });
    },
  );

  server.delete(
    '/tokens/:name',
    {
      schema: {
        tags,
        operationId: 'revokeToken',
        summary: 'Revoke a token: it counts no more at once',
        params: z.object({ name }),
        response: { 204: z.null(), ...problems(400, 401, 403, 404, 429) },
      },
    },
    async ({ params, log }, reply) => {
      if (!(await store.apiTokens.remove(params.name))) {
        throw new ProblemError(404, `There is no token ${params.name}.`);
      }
      log.info({ tokenName: params.name }, 'token revoked');
      return reply.code(204).send(null);
    },
  );
};
