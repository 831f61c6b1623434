import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { inside } from '../bottles/directory.ts';

/**
 * The door's loopback address in a bottle whose listener cannot be handed out: each connection is led to the sidecar's socket.
 * What waits to be taken is bounded by the streams' own buffers.
 */
export async function bridgeDoor(): Promise<void> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (inner) => {
    const outer = connect({ path: inside.sidecarSocket, allowHalfOpen: true });
    lead(inner, outer);
    lead(outer, inner);
  });
  server.listen(inside.doorPort, '127.0.0.1');
  await once(server, 'listening');
}

function lead(from: Socket, to: Socket): void {
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroySoon());
  from.pipe(to);
}
