import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { provideDockerEngine } from '../../tools/docker-engine.ts';
import { scratchEnvironment, scratchFolder } from './scratch.ts';

const NOWHERE = 'http://127.0.0.1:9';

test('an Engine that answers where DOCKER_HOST says is used, and left running', async () => {
  const folder = await scratchFolder();
  const socket = join(folder, 'docker.sock');
  const server = createServer((_request, response) => void response.end('OK'));
  server.listen(socket);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const lines: string[] = [];

  const engine = await provideDockerEngine((line) => lines.push(line), {
    ...scratchEnvironment(folder, NOWHERE),
    variables: { DOCKER_HOST: `unix://${socket}` },
  });
  await engine[Symbol.asyncDispose]();

  expect(engine.host).toBe(`unix://${socket}`);
  expect(server.listening).toBe(true);
  expect(lines).toEqual([]);
});

test('an ordinary user without an Engine is told what to do', async () => {
  const folder = await scratchFolder();
  const getuid = vi.spyOn(process, 'getuid').mockReturnValue(1000);
  onTestFinished(() => getuid.mockRestore());
  const host = `unix://${folder}/none.sock`;

  const result = provideDockerEngine(() => undefined, {
    ...scratchEnvironment(folder, NOWHERE),
    variables: { DOCKER_HOST: host },
  });

  await expect(result).rejects.toThrow(
    `no Docker Engine answers at ${host}. Install Docker Engine 20.10 or newer and start it, or set DOCKER_HOST.`,
  );
});
