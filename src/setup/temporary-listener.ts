import { createServer, type IncomingMessage } from 'node:http';
import { ConfigError } from '../domain/errors.ts';
import { webhookParser } from '../forges/registry.ts';
import type { DeliveryWatch, Sighting } from './delivery-watch.ts';

/** Deliveries of a test are small. */
const largestBody = 1024 * 1024;

/**
 * Listens on the orchestrator's port while none runs, on every address of this machine, for it is not known yet which one
 * the forge reaches. Keeps nothing of what it is sent.
 * @throws ConfigError when the port is taken
 */
export async function listenForDeliveries(port: number, secret: string): Promise<DeliveryWatch> {
  const sightings = new Map<string, Sighting>();
  const parser = webhookParser('gitea');
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '', 'http://here');
    if (request.method !== 'POST' || url === null) {
      response.writeHead(404).end();
      return;
    }
    const test = url.searchParams.get('test');
    readBody(request).then(
      (body) => {
        const accepted = parser.verify(request.headers, body, secret);
        const status = accepted ? 202 : 401;
        if (test !== null) {
          const reason = accepted ? undefined : 'The signature does not fit the body.';
          sightings.set(test, { accepted, status, reason });
        }
        response.writeHead(status).end();
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve());
  }).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(
      `port ${port} cannot be listened on (${error.code}): it is the orchestrator's for webhooks and API. FORGE_WEBHOOK_PORT chooses another.`,
    );
  });
  return {
    find: async (test) => sightings.get(test),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** @throws Error when it is larger than any of a test: what is left of it is not read */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
