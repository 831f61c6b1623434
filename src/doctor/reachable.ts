import { connect } from 'node:net';

const connectMs = 2_000;

/** Why no connection can be made to `host:port`, as a code for people; undefined when one can. */
export async function reasonOfNoConnection(address: string): Promise<string | undefined> {
  const [, host = address, port = '0'] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const socket = connect({ host, port: Number(port), timeout: connectMs });
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(undefined));
      socket.once('timeout', () => resolve('no answer'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    socket.destroy();
  }
}
