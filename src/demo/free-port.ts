import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

/**
 * Below the range from which systems take the local ports of connections: a client that reconnects while its server
 * restarts could otherwise be given the server's own port, and hold it.
 */
const [LOWEST, HIGHEST] = [20_000, 32_000];

/** A port of 127.0.0.1 that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isPortFree(port)) {
      return port;
    }
  }
  throw new Error(`no free port found between ${String(LOWEST)} and ${String(HIGHEST)}`);
}

/** Throws a message that names `user` ("the Temporal UI") when something listens on the port of 127.0.0.1. */
export async function requireFreePort(port: number, user: string): Promise<void> {
  if (!(await isPortFree(port))) {
    throw new Error(
      `port ${String(port)}, meant for ${user}, is taken: stop what listens there or choose another port`,
    );
  }
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}
