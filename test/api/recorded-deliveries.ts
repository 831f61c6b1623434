import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const directory = join(import.meta.dirname, '..', 'fixtures', 'gitea-webhooks');

/** The secret with which the recorded deliveries are signed. */
export const recordedSecret = 'lab-webhook-secret';

export interface RecordedDelivery {
  /** File name without its suffix. */
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawBody: string;
}

/** Deliveries of a real Gitea, in the order in which it sent them. */
export const recordedDeliveries: readonly RecordedDelivery[] = readdirSync(directory)
  .filter((file) => file.endsWith('.json'))
  .toSorted()
  .map((file) => ({
    name: file.slice(0, -'.json'.length),
    ...(JSON.parse(readFileSync(join(directory, file), 'utf8')) as Omit<RecordedDelivery, 'name'>),
  }));

/** The one whose name begins with this number. */
export function recordedDelivery(number: string): RecordedDelivery {
  const found = recordedDeliveries.find(({ name }) => name.startsWith(`${number}-`));
  if (found === undefined) {
    throw new Error(`no recorded delivery ${number}`);
  }
  return found;
}

/** The same delivery with another body, signed as the forge would. */
export function resigned(
  { name, headers }: RecordedDelivery,
  rawBody: string,
  secret: string = recordedSecret,
): RecordedDelivery {
  return {
    name,
    headers: {
      ...headers,
      'Content-Length': String(Buffer.byteLength(rawBody)),
      'X-Gitea-Signature': createHmac('sha256', secret).update(rawBody).digest('hex'),
    },
    rawBody,
  };
}
