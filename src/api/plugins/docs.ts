import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

/** Everything comes from here: no other host is asked for anything, and nothing inline is run. One icon has a style. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The API's description as a page, at `/docs`. It holds no secret, and asks for the token before it calls the API. */
export async function serveDocs(part: FastifyInstance): Promise<void> {
  await part.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    theme: { title: 'bot-bottle orchestrator API' },
    uiConfig: {
      // Without the bar in which other descriptions can be opened.
      layout: 'BaseLayout',
      // Else a checker on the internet is asked what it thinks of ours.
      validatorUrl: null,
    },
  });
}
