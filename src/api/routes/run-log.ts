import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findIssue, issueParams } from '../find-issue.ts';
import { ProblemError, problems } from '../problem.ts';
import type { ServerParts } from '../server.ts';

const logParams = issueParams.extend({
  run: z
    .union([z.literal('latest'), z.coerce.number().int().positive()])
    .meta({ description: 'Number of the run in its life, or `latest`.' }),
});

const logQuery = z.object({
  follow: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .meta({ description: 'Go on until the run has ended.' }),
  life: z.coerce.number().int().positive().optional().meta({ description: 'Default: the newest.' }),
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
        summary: "A run's output as plain text, as the agent wrote it",
        params: logParams,
        querystring: logQuery,
        response: {
          200: {
            description: 'The output. With `follow`, it ends when the run does.',
            content: { 'text/plain': { schema: z.unknown().meta({ type: 'string' }) } },
          },
          ...problems(400, 401, 404),
        },
      },
    },
    async (request, reply) => {
      const { issue, record } = await findIssue(store, request.params);
      const life = request.query.life ?? record.life;
      const runs = (await store.runs.ofIssue(issue)).filter((run) => run.life === life);
      const run =
        request.params.run === 'latest'
          ? runs.at(-1)
          : runs.find((candidate) => candidate.run === request.params.run);
      if (run === undefined) {
        const known = runs.map((candidate) => candidate.run).join(', ') || 'none';
        throw new ProblemError(
          404,
          `Life ${life} of the issue has no run ${request.params.run}. Its runs: ${known}.`,
        );
      }
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
