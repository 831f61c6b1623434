import { readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureAgentCli } from '../../tools/agent-clis.ts';
import { scratchEnvironment, scratchFolder, writeScript } from './scratch.ts';

const silent = (): void => undefined;

/** An npm that installs nothing but a program at `path`, and records how it was called. */
async function installNpm(folder: string, path: string): Promise<void> {
  await writeScript(
    join(folder, 'bin', 'npm'),
    `echo "$@" >> '${folder}/npm.log'
    for word in "$@"; do case "$word" in --prefix=*) prefix="\${word#--prefix=}";; esac; done
    mkdir -p "$(dirname "$prefix/${path}")" && echo '#!/bin/sh' > "$prefix/${path}" && chmod +x "$prefix/${path}"`,
  );
}

const piProgram = 'node_modules/@mariozechner/pi-coding-agent/dist/cli.js';

test('installs the pinned version once, without scripts, for every user and wherever it is mounted', async () => {
  const folder = await scratchFolder();
  await installNpm(folder, piProgram);
  const environment = scratchEnvironment(folder, '');

  const first = await ensureAgentCli('pi', silent, environment);
  const second = await ensureAgentCli('pi', silent, environment);

  expect(second).toEqual(first);
  expect(first.directory).toBe(join(folder, 'cache', 'pi-0.73.1'));
  expect(await readlink(join(first.directory, 'bin', 'pi'))).toBe(`../${piProgram}`);
  expect((await stat(first.directory)).mode & 0o777).toBe(0o755);
  const [call, ...more] = (await readFile(join(folder, 'npm.log'), 'utf8')).trim().split('\n');
  expect(call).toContain('--ignore-scripts');
  expect(call).toContain('@mariozechner/pi-coding-agent@0.73.1');
  expect(more).toEqual([]);
});

test('a package that has no program for this machine is not taken', async () => {
  const folder = await scratchFolder();
  await installNpm(folder, 'node_modules/something/else');

  await expect(ensureAgentCli('claude', silent, scratchEnvironment(folder, ''))).rejects.toThrow(
    /claude-code@2\.1\.329 has no program for \w+ on \w+\. Make the npm registry/,
  );
});

test('says what to do without npm', async () => {
  const folder = await scratchFolder();

  await expect(ensureAgentCli('codex', silent, scratchEnvironment(folder, ''))).rejects.toThrow(
    /cannot get Codex 0\.169\.0: .*npm is not on the PATH/,
  );
});
