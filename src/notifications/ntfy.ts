import type { NtfySettings } from '../domain/notification.ts';
import type { Message, Notifier } from './notifier.ts';
import { post } from './post.ts';

/** How each shows on a phone: ntfy's priority, of which 4 is `high`, and the emoji of a tag. */
const looks: Readonly<Record<Message['event'], { priority: number; tag: string }>> = {
  'needs-you': { priority: 4, tag: 'raised_hand' },
  failed: { priority: 4, tag: 'x' },
  'pull-request': { priority: 3, tag: 'eyes' },
  'webhook-failing': { priority: 4, tag: 'warning' },
  disk: { priority: 4, tag: 'floppy_disk' },
  test: { priority: 3, tag: 'white_check_mark' },
};

/** ntfy makes a file of a longer message. */
const longestBytes = 4_096;

/**
 * Posts notifications to a topic of ntfy. The id goes along as `X-Sequence-ID`: a server from 2.16 on shows a
 * repetition in the place of the first.
 */
export function createNtfyNotifier({ url, token, events }: NtfySettings): Notifier {
  return {
    name: 'ntfy',
    events,
    host: new URL(url).host,
    async send({ id, event, title, text, url: click }) {
      const { priority, tag } = looks[event];
      await post(
        url,
        {
          'content-type': 'text/plain; charset=utf-8',
          title: headerText(title),
          priority: String(priority),
          tags: tag,
          'x-sequence-id': id,
          ...(click !== undefined && { click: headerText(click) }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        cut(text),
      );
    },
  };
}

/** ASCII as it is, anything else by RFC 2047, which ntfy reads. */
function headerText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  // A character that is cut apart is left out.
  return bytes.length <= longestBytes
    ? text
    : `${bytes
        .subarray(0, longestBytes - 8)
        .toString()
        .replace(/\ufffd+$/, '')} …`;
}
