import helmet from '@fastify/helmet';
import type { FastifyInstance } from 'fastify';

/** No answer is a page, until a route says otherwise: nothing may be run, loaded or framed. */
export async function addSecurityHeaders(part: FastifyInstance): Promise<void> {
  await part.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    xFrameOptions: { action: 'deny' },
    // For whoever brings TLS to say: it is about all that is served under the name.
    strictTransportSecurity: false,
  });
}
