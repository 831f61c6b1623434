import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { noUsage } from '../src/domain/usage.ts';
import { createLlmGateway } from '../src/supervisor/llm-gateway/llm-gateway.ts';

/** A server of the benchmark, as a process of its own: a model, or one of two ways to it. */
export type GatewayServer = 'model' | 'gateway' | 'pipe';

/** What the model is asked for, beside what the protocol has. */
export interface ModelOrder {
  /** Bytes that it streams at the least. */
  readonly max_tokens: number;
  /** Before its first byte. */
  readonly thinking_ms: number;
}

const events: Readonly<Record<string, object>> = {
  message_start: { message: { usage: { input_tokens: 1000, output_tokens: 1 } } },
  message_delta: { usage: { output_tokens: 1000 } },
  message_stop: {},
};
const delta = event('content_block_delta', {
  index: 0,
  delta: { type: 'text_delta', text: 'What a model says in one event, a few words.' },
});
const piece = Buffer.from(delta.repeat(Math.floor(65_536 / delta.length)));

const [kind, modelPort] = process.argv.slice(2) as [GatewayServer, string?];
const server = { model: openModel, gateway: openGateway, pipe: openPipe }[kind]();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('disconnect', () => process.exit());
process.send?.(String((server.address() as AddressInfo).port));

function event(type: string, rest: object = events[type] ?? {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
}

function openModel(): Server {
  return createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += String(chunk)));
    request.on('end', () => {
      void say(response, JSON.parse(body) as ModelOrder);
    });
  });
}

async function say(response: ServerResponse, order: ModelOrder): Promise<void> {
  await delay(order.thinking_ms);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(event('message_start'));
  for (let sent = 0; sent < order.max_tokens; sent += piece.length) {
    if (!response.write(piece)) await once(response, 'drain');
  }
  response.end(event('message_delta') + event('message_stop'));
}

function openGateway(): Server {
  const gateway = createLlmGateway({
    access: {
      routes: {
        bench: {
          protocol: 'anthropic-messages',
          upstream: `http://127.0.0.1:${modelPort}`,
          auth: 'x-api-key',
          prices: { bench: { input: 1, output: 1 } },
          remoteTools: false,
        },
      },
      runBudget: { usd: 1_000_000 },
      spentBefore: noUsage,
    },
    onCall: () => {},
    onUsage: () => {},
    onLimit: () => {},
    onBudget: () => {},
  });
  gateway.setKeys({ bench: `sk-ant-api03-${'k3Y_'.repeat(24)}` });
  return createServer((request, response) => void gateway.handle(request, response));
}

function openPipe(): Server {
  return createTcpServer((socket) => {
    const model = connect(Number(modelPort), '127.0.0.1');
    for (const end of [socket, model]) {
      end.setNoDelay();
      end.on('error', () => end.destroy());
    }
    socket.pipe(model).pipe(socket);
  });
}
