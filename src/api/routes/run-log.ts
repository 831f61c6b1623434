import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findRun, runParams, runQuery } from '../find-run.ts';
import { problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';

const logQuery = runQuery.extend({
  follow: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .meta({ description: 'Go on until the run has ended.' }),
});

export const runLogRoutes: FastifyPluginAsyncZod<ServerParts> = async (
  server,
  { store, bottles },
) => {
  const closing = new AbortController();
  server.addHook('preClose', async () => closing.abort());

  server.get(
    '/issues/:owner/:repository/:number/runs/:run/log',
    {
      schema: {
        tags: ['Runs'],
        operationId: 'getLog',
        summary: "A run's output as plain text, as the agent wrote it",
        params: runParams,
        querystring: logQuery,
        response: {
          200: {
            description: 'The output. With `follow`, it ends when the run does.',
            content: { 'text/plain': { schema: z.unknown().meta({ type: 'string' }) } },
          },
          ...problems(400, 401, 404, 429),
        },
      },
    },
    async (request, reply) => {
      const run = await findRun(store, request.params, request.query.life);
      const { follow } = request.query;
      const disconnected = new AbortController();
      reply.raw.once('close', () => disconnected.abort());
      const signal = AbortSignal.any([closing.signal, disconnected.signal]);
      const output = bottles.readOutput({ slug: run.slug, run: run.run }, { follow, signal });
      return reply
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .type('text/plain; charset=utf-8')
        .send(Readable.from(streamed(output, reply, follow, signal)));
    },
  );
};

/**
 * A stream that ends tells that this is all; one that the server must leave is cut off, so that nobody takes it for
 * the whole.
 */
async function* streamed(
  output: AsyncIterable<Uint8Array>,
  reply: FastifyReply,
  follow: boolean,
  detached: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (follow) {
    // The agent may be silent for long, and the client wants to know that it is heard.
    reply.raw.flushHeaders();
  }
  try {
    yield* output;
  } catch (error) {
    if (!detached.aborted) {
      throw error;
    }
  }
  if (detached.aborted) {
    reply.raw.destroy();
  }
}
