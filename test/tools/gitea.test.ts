import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureGitea } from '../../tools/gitea.ts';
import { releasePlatform } from '../../tools/platform.ts';
import { startDownloadHost, unreachableUrl } from './download-host.ts';
import { scratchEnvironment, scratchFolder, writeScript } from './scratch.ts';

const { system, architecture } = releasePlatform();
const NAME = `gitea-1.26.0-${system === 'darwin' ? 'darwin-10.12' : system}-${architecture}`;
const BINARY_PATH = `/1.26.0/${NAME}`;
const CHECKSUM_PATH = `${BINARY_PATH}.sha256`;

const silent = (): void => undefined;

/** What the publisher offers: the binary, and its checksum beside it. */
function release(): Map<string, Buffer> {
  const binary = Buffer.from(
    "#!/bin/sh\necho 'gitea version 1.26.0 built with go1.26.2 : bindata, sqlite'\n",
  );
  const sum = createHash('sha256').update(binary).digest('hex');
  return new Map([
    [BINARY_PATH, binary],
    [CHECKSUM_PATH, Buffer.from(`${sum}  ${NAME}\n`)],
  ]);
}

test('a recent gitea on the PATH that holds its templates is used', async () => {
  const folder = await scratchFolder();
  const environment = scratchEnvironment(folder, await unreachableUrl());
  const installed = join(folder, 'bin', 'gitea');
  await writeScript(installed, "echo 'gitea version 1.27.0 built with go1.26.2 : bindata, sqlite'");

  expect(await ensureGitea(silent, environment)).toEqual({ binary: installed });
});

test.for([
  [
    'gitea version 1.22.6 built with go1.23.4 : bindata, sqlite',
    'is gitea version 1.22.6 .*, 1.26 or newer is needed',
  ],
  [
    'gitea version 1.26.0 built with go1.26.2 : sqlite',
    'was built without its templates \\(bindata\\)',
  ],
  ['something else', 'is something else, 1.26 or newer is needed'],
] as const)('"%s" on the PATH is passed over, with the reason', async ([version, reason]) => {
  const folder = await scratchFolder();
  const host = await startDownloadHost(release());
  await writeScript(join(folder, 'bin', 'gitea'), `echo '${version}'`);
  const lines: string[] = [];

  const { binary } = await ensureGitea(
    (line) => lines.push(line),
    scratchEnvironment(folder, host.url),
  );

  expect(lines[0]).toMatch(new RegExp(`^downloading Gitea 1.26.0: ${folder}/bin/gitea ${reason}`));
  expect(binary).toBe(join(folder, 'cache', 'gitea-1.26.0', 'gitea'));
});

test('it is downloaded and verified, once', async () => {
  const folder = await scratchFolder();
  const host = await startDownloadHost(release());
  const environment = scratchEnvironment(folder, host.url);

  const first = await ensureGitea(silent, environment);
  const second = await ensureGitea(silent, environment);

  expect(execFileSync(first.binary, { encoding: 'utf8' })).toContain('1.26.0');
  expect(first.staticRoot).toBeUndefined();
  expect(second).toEqual(first);
  expect(host.requests).toEqual([CHECKSUM_PATH, BINARY_PATH]);
});

test('a download with a wrong checksum is not used', async () => {
  const folder = await scratchFolder();
  const host = await startDownloadHost(
    release().set(CHECKSUM_PATH, Buffer.from(`${'b'.repeat(64)}  ${NAME}\n`)),
  );
  const environment = scratchEnvironment(folder, host.url);

  const result = ensureGitea(silent, environment);

  await expect(result).rejects.toThrow(/the checksum of .* is wrong/);
  expect(await readdir(environment.cacheDirectory)).toEqual(['gitea-1.26.0.lock']);
});

test('built with Go, its templates lie beside it, and what the build needed is gone', async () => {
  const folder = await scratchFolder();
  const source = join(folder, 'module');
  for (const name of ['templates', 'options', 'public']) {
    await mkdir(join(source, name, 'deep'), { recursive: true });
    await writeFile(join(source, name, 'deep', 'file'), name, { mode: 0o444 });
  }
  await writeScript(join(folder, 'bin', 'cc'), '');
  await writeScript(
    join(folder, 'bin', 'go'),
    `mkdir -p "$GOMODCACHE" "$GOCACHE"
if [ "$1" = list ]; then echo "${source}"; exit; fi
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho built by Go\\n' > "$2"; chmod +x "$2"`,
  );

  const { binary, staticRoot } = await ensureGitea(
    silent,
    scratchEnvironment(folder, await unreachableUrl()),
  );

  expect(execFileSync(binary, { encoding: 'utf8' })).toBe('built by Go\n');
  expect(staticRoot).toBe(join(folder, 'cache', 'gitea-1.26.0', 'static'));
  expect(
    await readdir(join(folder, 'cache', 'gitea-1.26.0', 'static', 'templates', 'deep')),
  ).toEqual(['file']);
  expect(await readdir(join(folder, 'cache'))).toEqual(['gitea-1.26.0', 'gitea-1.26.0.lock']);
});

test('when nothing works one message names what to install', async () => {
  const folder = await scratchFolder();

  const result = ensureGitea(silent, scratchEnvironment(folder, await unreachableUrl()));

  await expect(result).rejects.toThrow(
    /^cannot get Gitea 1\.26\.0: gitea is not on the PATH; the download host is out of reach .*; no C compiler is on the PATH, so Gitea cannot be built from source\. Install Gitea 1\.26 or newer/,
  );
});
