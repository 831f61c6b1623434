import bearerAuth from '@fastify/bearer-auth';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../problem.ts';

/** Asks for the token on every route of this part, the unknown ones included. Compared in constant time. */
export async function requireBearerToken(part: FastifyInstance, token: string): Promise<void> {
  await part.register(bearerAuth, { keys: [token], addHook: false, verifyErrorLogLevel: 'warn' });
  part.addHook('onRequest', (request, reply, done) => {
    part.verifyBearerAuth?.(request, reply, (error) => {
      if (error === undefined) {
        done();
        return;
      }
      reply.header('www-authenticate', 'Bearer');
      done(
        new ProblemError(
          401,
          'Send the header "Authorization: Bearer <token>". The token is in the file api-token in the orchestrator\'s data directory.',
        ),
      );
    });
  });
}
