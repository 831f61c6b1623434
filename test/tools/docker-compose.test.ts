import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureDockerCompose } from '../../tools/docker-compose.ts';
import { scratchEnvironment, scratchFolder, writeScript } from './scratch.ts';

const silent = (): void => {};

test('takes the machine’s Docker Compose if it is new enough', async () => {
  const folder = await scratchFolder();
  const installed = await writeScript(join(folder, 'bin', 'docker-compose'), 'echo v2.24.0');
  const environment = scratchEnvironment(folder, 'http://127.0.0.1:1');

  expect(await ensureDockerCompose(silent, environment)).toBe(installed);
});

test('takes none of version 1, and where no other can be had says why and what to install', async () => {
  const folder = await scratchFolder();
  const installed = await writeScript(join(folder, 'bin', 'docker-compose'), 'echo 1.29.2');
  const environment = scratchEnvironment(folder, 'http://127.0.0.1:1');

  await expect(
    ensureDockerCompose(silent, {
      ...environment,
      path: `${environment.path}:/usr/bin:/bin`,
      variables: { ...environment.variables, DEBIAN_MIRROR: 'http://127.0.0.1:1/debian' },
    }),
  ).rejects.toThrow(
    `cannot get Docker Compose of Debian trixie: ${installed} is no Docker Compose 2.24 or newer; `,
  );
});
