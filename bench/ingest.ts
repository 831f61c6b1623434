import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from './bench.ts';
import { startChild } from './child.ts';
import { DeliveryClient, deliveryOf } from './deliveries.ts';
import type { Figure } from './figure.ts';
import type { IngestServer } from './ingest-server.ts';
import { inTurn, now } from './measure.ts';

const rounds = 21;
const deliveriesPerRound = 800;

/** Acknowledged deliveries per second, as a share of what a bare route reaches. */
export async function measureIngest(bench: Bench): Promise<Figure[]> {
  const { path: directory } = await bench.own(() => mkdtempDisposable(join(tmpdir(), 'ingest-')));
  const startServer = (kind: IngestServer) =>
    startChild(import.meta.resolve('./ingest-server.ts'), [kind, directory]);
  const ours = await bench.own(() => startServer('ours'));
  const bare = await bench.own(() => startServer('bare'));
  const raw: Record<string, unknown> = {};
  const ratios: number[] = [];
  let issues = 0;
  for (const clients of [1, 8]) {
    const deliver = (url: string) => async (): Promise<number> => {
      const requests = Array.from({ length: deliveriesPerRound }, () => deliveryOf(++issues));
      return await deliveriesPerSecond(url, requests, clients);
    };
    const rates = await inTurn(rounds, bench.signal, deliver(ours.message), deliver(bare.message));
    const ratio = rates.ours / rates.bare;
    ratios.push(ratio);
    raw[`clients${clients}`] = {
      ratio,
      oursPerSecond: rates.ours,
      barePerSecond: rates.bare,
    };
  }
  const value = Math.min(...ratios);
  return [{ figure: 'ingest', value, unit: 'ratio', limit: 0.7, at: 'least', raw }];
}

async function deliveriesPerSecond(
  url: string,
  requests: Buffer[],
  clients: number,
): Promise<number> {
  const count = requests.length;
  const connections = await Promise.all(
    Array.from({ length: clients }, () => DeliveryClient.connect(url)),
  );
  const begunAt = now();
  await Promise.all(
    connections.map(async (connection) => {
      for (let next = requests.pop(); next !== undefined; next = requests.pop()) {
        await connection.deliver(next);
      }
    }),
  );
  const seconds = (now() - begunAt) / 1000;
  for (const connection of connections) {
    connection[Symbol.dispose]();
  }
  return count / seconds;
}
