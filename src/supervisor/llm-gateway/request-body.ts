import type { IncomingMessage } from 'node:http';
import { countParts } from './json-parts.ts';
import { Refusal } from './refusal.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

const maxBytes = 32 * 1024 * 1024;
/** A body of nothing but `{},` would take forty times its size in memory. Conversations have some hundred thousand at most. */
const maxParts = 2_000_000;

/**
 * Reads a request's body, which is a JSON object.
 * @throws Refusal when it is too large or something else
 */
export async function readRequestBody(request: IncomingMessage): Promise<JsonObject> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new Refusal(400, `the request's body is compressed (${encoding}): send it as it is`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) {
      const limit = `${maxBytes / 1024 / 1024} MiB`;
      // The client is not waited for to send the rest.
      throw new Refusal(413, `the request is larger than ${limit}`, {
        headers: { connection: 'close' },
      });
    }
    chunks.push(chunk as Buffer);
  }
  const bytes = Buffer.concat(chunks);
  if (countParts(bytes) > maxParts) {
    throw new Refusal(413, `the request has more than ${maxParts} lists, objects and members`);
  }
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new Refusal(400, "the request's body is not JSON");
  }
  if (!isObject(body)) throw new Refusal(400, "the request's body is not a JSON object");
  return body;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
