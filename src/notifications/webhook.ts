import { createHmac } from 'node:crypto';
import type { WebhookNotifierSettings } from '../domain/notification.ts';
import type { Message, Notifier } from './notifier.ts';
import { post } from './post.ts';

/**
 * Posts notifications as JSON, by the Standard Webhooks: `webhook-id`, `webhook-timestamp` (seconds), and, with a
 * secret, `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `<id>.<timestamp>.<body>`. A secret that begins
 * with `whsec_` is base64 behind that, as their libraries have it; any other is taken as it is.
 */
export function createWebhookNotifier({ url, secret, events }: WebhookNotifierSettings): Notifier {
  return {
    name: 'webhook',
    events,
    host: new URL(url).host,
    async send(message) {
      const body = JSON.stringify(toPayload(message));
      const timestamp = String(Math.floor(Date.now() / 1000));
      const { id } = message;
      const signed = `${id}.${timestamp}.${body}`;
      await post(
        url,
        {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          ...(secret !== undefined && {
            'webhook-signature': `v1,${createHmac('sha256', keyOf(secret)).update(signed).digest('base64')}`,
          }),
        },
        body,
      );
    },
  };
}

/** Grows, and changes nothing that it has. */
function toPayload({ event, title, text, url, issue, id, raisedAt }: Message): object {
  return {
    type: event,
    timestamp: new Date(raisedAt).toISOString(),
    data: {
      id,
      title,
      text,
      url: url ?? null,
      issue: issue === undefined ? null : { ...issue, pullRequest: issue.pullRequest ?? null },
    },
  };
}

const encodedPrefix = 'whsec_';

function keyOf(secret: string): Buffer {
  return secret.startsWith(encodedPrefix)
    ? Buffer.from(secret.slice(encodedPrefix.length), 'base64')
    : Buffer.from(secret);
}
