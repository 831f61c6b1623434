import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openDoor } from '../../src/supervisor/door.ts';

test('a listener that was made inside is served as the socket is, without delay', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'door-'));
  const door = await openDoor(join(directory, 'sidecar.sock'));
  // As it comes out of the bottle: a bare listener, which is no HTTP server.
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const undelayed = vi.fn();
  listener.on('connection', (socket: Socket) => {
    vi.spyOn(socket, 'setNoDelay').mockImplementation((on = true) => {
      undelayed(on);
      return socket;
    });
  });
  door.adopt(listener);
  const { port } = listener.address() as AddressInfo;
  const asked = request({ host: '127.0.0.1', port, path: '/ping', agent: false }).end();
  const [response] = await once(asked, 'response');
  door.close();
  await rm(directory, { recursive: true, force: true });

  expect(response).toMatchObject({ statusCode: 204 });
  expect(undelayed).toHaveBeenCalledWith(true);
});

test('a tunnel that is reset before anybody has taken it does no harm', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'door-'));
  const door = await openDoor(join(directory, 'sidecar.sock'));
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  door.adopt(listener);
  const asked = Promise.withResolvers<Socket>();
  door.serve(new Map(), { connect: (_, socket) => asked.resolve(socket), handle: () => {} });
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  client.write('CONNECT a.example:443 HTTP/1.1\r\nhost: a.example\r\n\r\n');
  const socket = await asked.promise;
  const closed = new Promise((resolve) => socket.on('close', resolve));
  client.resetAndDestroy();

  // True: by an error.
  expect(await closed).toBe(true);
  door.close();
  await rm(directory, { recursive: true, force: true });
});
