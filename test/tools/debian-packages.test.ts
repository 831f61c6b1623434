import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureDebianPackages } from '../../tools/debian-packages.ts';
import { scratchEnvironment, scratchFolder, writeScript } from './scratch.ts';

const NOWHERE = 'http://127.0.0.1:9';

test('nothing is installed or said when every program is there', async () => {
  const folder = await scratchFolder();
  for (const program of ['bwrap', 'git', 'setpriv']) {
    await writeScript(join(folder, 'bin', program), '');
  }
  const lines: string[] = [];

  await ensureDebianPackages((line) => lines.push(line), scratchEnvironment(folder, NOWHERE));

  expect(lines).toEqual([]);
});

test('what is missing and cannot be installed is named in one line', async () => {
  const folder = await scratchFolder();
  await writeScript(join(folder, 'bin', 'git'), '');

  const result = ensureDebianPackages(() => undefined, scratchEnvironment(folder, NOWHERE));

  await expect(result).rejects.toThrow(
    'missing: bwrap, setpriv. Install as root, on Debian with: apt-get install bubblewrap util-linux',
  );
});
