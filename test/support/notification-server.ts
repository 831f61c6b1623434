import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A server that notifications are sent to, with an answer as a test says. */
export interface NotificationServer extends AsyncDisposable {
  /** Without a slash at its end. */
  readonly url: string;
  readonly posts: readonly ReceivedPost[];
  /** `silence`: none at all. Default: 200. */
  answer: Answer;
}

export interface ReceivedPost {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | 'silence';

export async function startNotificationServer(): Promise<NotificationServer> {
  const posts: ReceivedPost[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      posts.push({ path: request.url ?? '', headers: request.headers, body });
      if (running.answer !== 'silence') {
        response.writeHead(running.answer.status, running.answer.headers).end('{}');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const running: NotificationServer = {
    url: `http://127.0.0.1:${port}`,
    posts,
    answer: { status: 200 },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return running;
}
