import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const retryMs = 50;

export interface WebhookRelay extends AsyncDisposable {
  /** Where the forge delivers to. */
  readonly url: string;
}

interface Taken {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Takes deliveries from the forge and gives them to `target` in order, each again and again until it is answered with 2xx.
 * Real forges send once and lose what is not taken; with this between them nothing is lost while the target is away.
 */
export async function startWebhookRelay(target: string): Promise<WebhookRelay> {
  const stopping = new AbortController();
  const waiting: Taken[] = [];
  let forwarding: Promise<void> | undefined;

  async function forward(): Promise<void> {
    for (let next = waiting[0]; next !== undefined && !stopping.signal.aborted; next = waiting[0]) {
      if (await deliver(next)) {
        waiting.shift();
      } else {
        await delay(retryMs);
      }
    }
    forwarding = undefined;
  }

  async function deliver({ headers, body }: Taken): Promise<boolean> {
    const kept = Object.entries(headers).filter(([name]) => /^(x-|content-type)/.test(name));
    try {
      const answer = await fetch(target, {
        method: 'POST',
        headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
        body: new Uint8Array(body),
        signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(5_000)]),
      });
      return answer.ok;
    } catch {
      return false;
    }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      waiting.push({ headers: request.headers, body: Buffer.concat(chunks) });
      forwarding ??= forward();
      response.writeHead(200).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await forwarding;
      server.close();
      server.closeAllConnections();
    },
  };
}
