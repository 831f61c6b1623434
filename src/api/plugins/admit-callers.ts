import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import type { Caller } from '../callers.ts';
import { ProblemError } from '../problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null without a token that counts: then no route below `/api/v1` is reached. */
    caller: Caller | null;
  }
}

const windowMs = 10_000;
/** Far above what people and their programs do: a stop for what runs wild. */
const requestsOfCaller = 3000;
/** Of one address, without a token that counts. */
const requestsOfStranger = 100;

/**
 * On every route of this part, the unknown ones included: finds out who asks, limits how often, and lets nobody in
 * without a token, nor with one that may only read where something is changed.
 */
export async function admitCallers(
  part: FastifyInstance,
  findCaller: (token: string) => Promise<Caller | undefined>,
): Promise<void> {
  part.decorateRequest('caller', null);
  part.addHook('onRequest', async (request, reply) => {
    const token = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    request.caller = (token === undefined ? undefined : await findCaller(token)) ?? null;
    if (request.caller !== null) {
      // From here on each line about the request says whose it is, the one at its end too.
      request.log = request.log.child({ caller: request.caller.name });
      reply.log = request.log;
    }
  });

  await part.register(rateLimit, {
    global: false,
    timeWindow: windowMs,
    max: ({ caller }) => (caller === null ? requestsOfStranger : requestsOfCaller),
    keyGenerator: ({ caller, ip }) => (caller === null ? `address ${ip}` : `token ${caller.name}`),
    errorResponseBuilder: (_request, { after }) =>
      new ProblemError(429, `Too many requests. Try again in ${after}.`),
  });
  part.addHook('onRequest', part.rateLimit());

  part.addHook('onRequest', async ({ caller, method }, reply) => {
    if (caller === null) {
      reply.header('www-authenticate', 'Bearer');
      throw new ProblemError(
        401,
        'Send the header "Authorization: Bearer <token>". The token is in the file api-token in the orchestrator\'s data directory, or was made by `orchestrator token create`.',
      );
    }
    if (caller.scope === 'read' && method !== 'GET' && method !== 'HEAD') {
      throw new ProblemError(403, `The token ${caller.name} may only read.`);
    }
  });
}
