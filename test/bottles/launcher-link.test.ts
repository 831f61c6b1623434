import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LauncherLink } from '../../src/bottles/docker/launcher-link.ts';

test.each([
  ['no JSON', 'nonsense\n'],
  ['no object', 'null\n'],
  ['a line without an end', 'x'.repeat(2 * 1024 * 1024)],
])('a launcher that says %s is taken for gone', async (_, said) => {
  const directory = await mkdtemp(join(tmpdir(), 'launcher-link-'));
  const link = new LauncherLink(join(directory, 'launcher.sock'));
  await link.listen();
  const launcher = connect(join(directory, 'launcher.sock'));
  launcher.on('error', () => {});
  await once(launcher, 'connect');
  launcher.write(said);

  expect(await link.ended).toBeUndefined();
  link.close();
  await rm(directory, { recursive: true, force: true });
});
