/** Writes the API's description as OpenAPI 3.1, `docs/openapi.json`: `npm run schemas`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildServer, type ServerParts } from '../src/api/server.ts';
import { WebhookReceipts } from '../src/api/webhook-receipts.ts';
import { programVersion } from '../src/built.ts';
import { findProjectRoot } from './project-root.ts';

/** What the server itself says at `/api/v1/openapi.json`. */
export async function openApiDocument(): Promise<object> {
  const unasked = { store: {}, commands: {}, bottles: {}, checks: [] };
  const server = await buildServer({
    ...(unasked as unknown as Pick<ServerParts, keyof typeof unasked>),
    receipts: new WebhookReceipts(),
    token: '',
    names: { host: 'localhost', publicUrl: undefined, allowedHosts: [] },
    version: programVersion(),
    logger: pino({ level: 'silent' }),
  });
  await server.ready();
  const document = server.swagger();
  await server.close();
  return document;
}

if (import.meta.main) {
  const file = join(findProjectRoot(), 'docs/openapi.json');
  writeFileSync(file, `${JSON.stringify(await openApiDocument(), undefined, 2)}\n`);
}
