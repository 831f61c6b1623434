import { createHmac, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fastify, { type FastifyInstance } from 'fastify';
import { webhookRoutes } from '../src/api/routes/webhooks.ts';
import { buildServer } from '../src/api/server.ts';
import { WebhookReceipts } from '../src/api/webhook-receipts.ts';
import { createLogger } from '../src/config/logger.ts';
import { webhookParser } from '../src/forges/registry.ts';
import { openStore } from '../src/store/open-store.ts';
import { webhookPath, webhookSecret } from './deliveries.ts';

/** `ours`: the API with its store and its log; `bare`: what no receiver of signed deliveries can do without. */
export type IngestServer = 'ours' | 'bare';

const serve: Readonly<Record<IngestServer, (directory: string) => Promise<FastifyInstance>>> = {
  ours: serveOurs,
  bare: serveBare,
};

/** `node ingest-server.ts ours|bare <directory>`: says its URL. See `startChild`. */
const [, , kind, directory] = process.argv;
process.once('disconnect', () => process.exit());
const server = await serve[kind as IngestServer](directory ?? '');
process.send?.(await server.listen({ host: '127.0.0.1', port: 0 }));

async function serveOurs(directory: string): Promise<FastifyInstance> {
  const store = await openStore(join(directory, 'orchestrator.db'));
  const unasked = (): never => {
    throw new Error('deliveries only');
  };
  const receipts = new WebhookReceipts();
  const names = { host: '127.0.0.1', publicUrl: undefined, allowedHosts: [] };
  const server = await buildServer({
    store,
    commands: { send: unasked, status: unasked, timeline: unasked },
    bottles: { readOutput: unasked },
    checks: [],
    receipts,
    token: 'unused',
    names,
    version: '0',
    logger: createLogger({ level: 'info', org: 'bot-bottle' }),
  });
  await server.register(webhookRoutes, {
    parser: webhookParser('gitea'),
    secret: webhookSecret,
    names,
    deliveries: store.deliveries,
    onSignature: () => {},
    receipts,
    onAccepted: () => {},
  });
  return server;
}

async function serveBare(directory: string): Promise<FastifyInstance> {
  const database = new Database(join(directory, 'bare.db'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.exec('create table deliveries (id integer primary key, body blob not null)');
  const insert = database.prepare('insert into deliveries (body) values (?)');
  const server = fastify();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  server.post<{ Body: Buffer }>(webhookPath, async ({ body, headers }, reply) => {
    const expected = createHmac('sha256', webhookSecret).update(body).digest();
    const signature = Buffer.from(String(headers['x-gitea-signature']), 'hex');
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      return reply.code(401).send();
    }
    insert.run(body);
    return reply.code(202).send({ state: 'accepted' });
  });
  return server;
}
