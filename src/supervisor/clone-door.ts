import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Serves the clone of a new working copy: each connection is one `git upload-pack` on the mirror, which offers what the
 * git gate offers. Without HTTP in between a clone takes a quarter of the time; the gate is there for all that follows.
 * @param environment complete: nothing is inherited
 */
export async function openCloneDoor(
  path: string,
  mirror: string,
  environment: Readonly<Record<string, string>>,
): Promise<Disposable> {
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    const git = spawn('git', ['upload-pack', '--strict', mirror], {
      env: environment,
      stdio: [socket, socket, 'ignore'],
    });
    git.on('error', () => undefined);
    // git has it now.
    socket.destroy();
  });
  rmSync(path, { force: true });
  server.listen(path);
  await once(server, 'listening');
  // Whoever reaches the directory may connect: it is mounted into this one bottle and closed to everybody else.
  chmodSync(path, 0o666);
  return { [Symbol.dispose]: () => void server.close() };
}
