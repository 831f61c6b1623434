import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';

const pingPath = '/ping';
const pingTimeoutMs = 2_000;

/** Serves one part of the door; it answers whatever happens. */
export type DoorHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Serves what is addressed to other hosts. */
export interface DoorProxy {
  /** @param socket whose errors are listened for */
  connect(request: IncomingMessage, socket: Socket, head: Buffer): void;
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/**
 * The bottle's only way out: one HTTP server behind the unix socket that is mounted into the bottle and behind the loopback
 * address inside.
 */
export interface Door {
  /**
   * Until then everything is answered with 404, and no other host is reached.
   * @param routes handlers by the beginning of the path
   */
  serve(routes: ReadonlyMap<string, DoorHandler>, proxy: DoorProxy): void;
  /** Serves a listener that the launcher made inside. */
  adopt(listener: NetServer): void;
  /** True when the socket that the bottle sees is there and answers. */
  answers(): Promise<boolean>;
  close(): void;
}

export async function openDoor(socketPath: string): Promise<Door> {
  let routes: ReadonlyMap<string, DoorHandler> = new Map();
  let proxy: DoorProxy | undefined;
  const server = createServer((incoming, response) => {
    const path = incoming.url ?? '';
    if (path === pingPath) {
      response.writeHead(204).end();
      return;
    }
    if (!path.startsWith('/') && proxy !== undefined) {
      proxy.handle(incoming, response);
      return;
    }
    const handler = [...routes].find(([prefix]) => path.startsWith(prefix))?.[1];
    if (handler === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('there is nothing here\n');
    } else {
      handler(incoming, response);
    }
  });
  // A clone of a large repository may take longer than Node gives a request by default.
  server.requestTimeout = 0;
  server.on('connect', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    // Node hands the bare socket over: an error that nobody listens for would end this process.
    socket.on('error', () => socket.destroy());
    if (proxy === undefined) socket.destroy();
    else proxy.connect(incoming, socket, head);
  });
  server.listen(socketPath);
  await once(server, 'listening');
  // Whoever reaches the directory may connect: it is mounted into this one bottle and closed to everybody else.
  chmodSync(socketPath, 0o666);
  const adopted = new Set<NetServer>();
  return {
    serve(...next) {
      [routes, proxy] = next;
    },
    adopt(listener) {
      adopted.add(listener);
      listener.on('connection', (socket) => {
        // Node's own listeners do it by themselves. Without it the end of an answer waits 40 ms for an acknowledgement.
        socket.setNoDelay();
        server.emit('connection', socket);
      });
    },
    answers() {
      return new Promise((resolve) => {
        const ping = request({ socketPath, path: pingPath, timeout: pingTimeoutMs, agent: false });
        ping.on('response', (response) => {
          response.resume();
          resolve(response.statusCode === 204);
        });
        ping.on('timeout', () => ping.destroy());
        ping.on('error', () => resolve(false));
        ping.on('close', () => resolve(false));
        ping.end();
      });
    },
    close() {
      for (const listener of adopted) listener.close();
      server.close();
      server.closeAllConnections();
    },
  };
}
