import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { supervisorNodeOptions } from '../src/bottles/supervisor-process.ts';
import type { Bench } from './bench.ts';
import { startChild } from './child.ts';
import type { Figure } from './figure.ts';
import type { GatewayServer, ModelOrder } from './gateway-server.ts';
import { inTurn, now } from './measure.ts';

const streamRounds = 15;
const streamBytes = 256 * 1024 * 1024;
const byteRounds = 15;
const thinkingMs = 200;
const mebibyte = 1024 * 1024;

/** What the LLM gateway costs, beside a process that only pipes the same bytes. */
export async function measureGateway(bench: Bench): Promise<Figure[]> {
  const startServer = (
    args: readonly [GatewayServer, ...string[]],
    nodeOptions?: readonly string[],
  ) => startChild(import.meta.resolve('./gateway-server.ts'), args, nodeOptions);
  const model = await bench.own(() => startServer(['model']));
  const gateway = await bench.own(() =>
    startServer(['gateway', model.message], supervisorNodeOptions),
  );
  const pipe = await bench.own(() => startServer(['pipe', model.message]));

  const way = { ours: client(gateway.message, '/llm/bench'), bare: client(pipe.message, '') };
  const rates = await inTurn(
    streamRounds,
    bench.signal,
    async () => await bytesPerSecond(way.ours),
    async () => await bytesPerSecond(way.bare),
  );
  const firsts = await inTurn(
    byteRounds,
    bench.signal,
    async () => (await way.ours({ max_tokens: 1, thinking_ms: thinkingMs })).firstMs,
    async () => (await way.bare({ max_tokens: 1, thinking_ms: thinkingMs })).firstMs,
  );
  return [
    {
      figure: 'gateway throughput',
      value: rates.ours / rates.bare,
      unit: 'ratio',
      limit: 0.8,
      at: 'least',
      raw: { oursMiBPerSecond: rates.ours / mebibyte, bareMiBPerSecond: rates.bare / mebibyte },
    },
    {
      figure: 'gateway first byte',
      value: firsts.ours / firsts.bare,
      unit: 'ratio',
      limit: 1.1,
      at: 'most',
      raw: { oursMs: firsts.ours, bareMs: firsts.bare, thinkingMs },
    },
  ];
}

interface Heard {
  readonly firstMs: number;
  readonly wholeMs: number;
  readonly bytes: number;
}

type Ask = (order: ModelOrder) => Promise<Heard>;

/** Asks the model for a stream, over a connection that is kept as the agents' programs keep theirs. */
function client(port: string, prefix: string): Ask {
  const agent = new Agent({ keepAlive: true });
  return async (order) => {
    const begunAt = now();
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: `${prefix}/v1/messages`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      agent,
    });
    outgoing.end(JSON.stringify({ model: 'bench', stream: true, ...order }));
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    let firstMs: number | undefined;
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      firstMs ??= now() - begunAt;
      bytes += chunk.length;
    });
    await once(answer, 'end');
    if (answer.statusCode !== 200 || bytes < order.max_tokens) {
      throw new Error(`the model was not heard: status ${answer.statusCode}, ${bytes} bytes`);
    }
    return { firstMs: firstMs ?? Number.NaN, wholeMs: now() - begunAt, bytes };
  };
}

async function bytesPerSecond(ask: Ask): Promise<number> {
  const { bytes, wholeMs } = await ask({ max_tokens: streamBytes, thinking_ms: 0 });
  return (bytes / wholeMs) * 1000;
}
