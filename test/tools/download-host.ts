import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface DownloadHost {
  readonly url: string;
  /** The paths that were asked for, in order. */
  readonly requests: string[];
}

/** Serves `files` by path and 404 for all else; a file listed in `truncated` breaks off half way. Goes with the test. */
export async function startDownloadHost(
  files: ReadonlyMap<string, Buffer>,
  truncated: readonly string[] = [],
): Promise<DownloadHost> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    requests.push(path);
    const content = files.get(path);
    if (content === undefined) {
      response.writeHead(404).end();
    } else if (truncated.includes(path)) {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, content.length / 2), () => response.destroy());
    } else {
      response.writeHead(200, { 'content-length': content.length }).end(content);
    }
  });
  onTestFinished(() => closeServer(server));
  return { url: await listen(server), requests };
}

/** A URL at which nothing listens. */
export async function unreachableUrl(): Promise<string> {
  const server = createServer();
  const url = await listen(server);
  await closeServer(server);
  return url;
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
