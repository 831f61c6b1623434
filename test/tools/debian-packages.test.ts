import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
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

test('as root, what is missing is installed and said', async () => {
  const folder = await scratchFolder();
  actAs(0);
  await writeScript(join(folder, 'bin', 'git'), '');
  await writeScript(
    join(folder, 'bin', 'apt-get'),
    `echo "$*" >> ${folder}/calls; cp ${folder}/bin/git ${folder}/bin/bwrap; cp ${folder}/bin/git ${folder}/bin/setpriv`,
  );
  const lines: string[] = [];

  await ensureDebianPackages((line) => lines.push(line), scratchEnvironment(folder, NOWHERE));

  expect(lines).toEqual([
    'installing bubblewrap util-linux (apt-get): bwrap, setpriv not on the PATH',
    'installed bubblewrap util-linux',
  ]);
  expect(await readFile(join(folder, 'calls'), 'utf8')).toBe(
    'update -q\ninstall -q -y --no-install-recommends bubblewrap util-linux\n',
  );
});

test('as an ordinary user, what is missing is named in one line', async () => {
  const folder = await scratchFolder();
  actAs(1000);
  await writeScript(join(folder, 'bin', 'git'), '');
  await writeScript(join(folder, 'bin', 'apt-get'), 'exit 1');

  const result = ensureDebianPackages(() => undefined, scratchEnvironment(folder, NOWHERE));

  await expect(result).rejects.toThrow(
    'missing: bwrap, setpriv. Install as root, on Debian with: apt-get install bubblewrap util-linux',
  );
});

function actAs(uid: number): void {
  const getuid = vi.spyOn(process, 'getuid').mockReturnValue(uid);
  onTestFinished(() => getuid.mockRestore());
}
