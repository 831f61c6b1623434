import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { releasePlatform } from '../../tools/platform.ts';
import { ensureTemporal } from '../../tools/temporal.ts';
import { startDownloadHost, unreachableUrl } from './download-host.ts';
import { scratchEnvironment, scratchFolder, writeScript } from './scratch.ts';

const { system, architecture } = releasePlatform();
const ARCHIVE = `temporal_cli_1.5.1_${system}_${architecture}.tar.gz`;
const ARCHIVE_PATH = `/v1.5.1/${ARCHIVE}`;
const CHECKSUMS_PATH = '/v1.5.1/checksums.txt';

const silent = (): void => undefined;

function says(version: string): string {
  return `echo '${version}'`;
}

/** Writes what the publisher offers: an archive with the program, and the file of checksums. */
async function release(folder: string): Promise<Map<string, Buffer>> {
  await writeScript(
    join(folder, 'release', 'temporal'),
    says('temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'),
  );
  const archive = execFileSync('tar', ['-cz', '-C', join(folder, 'release'), 'temporal']);
  const sum = createHash('sha256').update(archive).digest('hex');
  const checksums = `${'0'.repeat(64)}  some_other_file.tar.gz\n${sum}  ${ARCHIVE}\n`;
  return new Map([
    [ARCHIVE_PATH, archive],
    [CHECKSUMS_PATH, Buffer.from(checksums)],
  ]);
}

/** A Go that "builds" by writing a script; records how it was called. */
async function installGo(folder: string): Promise<void> {
  await writeScript(
    join(folder, 'bin', 'go'),
    `echo "$*" > "${folder}/go-arguments"
printf '#!/bin/sh\\necho built by Go\\n' > "$GOBIN/temporal"
chmod +x "$GOBIN/temporal"`,
  );
}

function run(binary: string): string {
  return execFileSync(binary, { encoding: 'utf8' }).trim();
}

test('a recent temporal on the PATH is used', async () => {
  const folder = await scratchFolder();
  const environment = scratchEnvironment(folder, await unreachableUrl());
  const installed = join(folder, 'bin', 'temporal');
  await writeScript(installed, says('temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)'));

  expect(await ensureTemporal(silent, environment)).toBe(installed);
});

test('an old temporal on the PATH is passed over, with the reason', async () => {
  const folder = await scratchFolder();
  const host = await startDownloadHost(await release(folder));
  await writeScript(
    join(folder, 'bin', 'temporal'),
    says('temporal version 1.1.0 (Server 1.25.0, UI 2.30.0)'),
  );
  const lines: string[] = [];

  await ensureTemporal((line) => lines.push(line), scratchEnvironment(folder, host.url));

  expect(lines[0]).toBe(
    `downloading Temporal CLI 1.5.1: ${folder}/bin/temporal has server 1.25.0, 1.28 or newer is needed`,
  );
});

test('it is downloaded, verified and unpacked, once', async () => {
  const folder = await scratchFolder();
  const host = await startDownloadHost(await release(folder));
  const environment = scratchEnvironment(folder, host.url);

  const binary = await ensureTemporal(silent, environment);
  await ensureTemporal(silent, environment);

  expect(run(binary)).toContain('Server 1.29.1');
  expect(host.requests).toEqual([CHECKSUMS_PATH, ARCHIVE_PATH]);
  expect(await readdir(join(environment.cacheDirectory, 'temporal-1.5.1'))).toEqual(['temporal']);
});

test('a download with a wrong checksum is not used', async () => {
  const folder = await scratchFolder();
  const files = await release(folder);
  const host = await startDownloadHost(
    files.set(CHECKSUMS_PATH, Buffer.from(`${'a'.repeat(64)}  ${ARCHIVE}\n`)),
  );
  const environment = scratchEnvironment(folder, host.url);

  const result = ensureTemporal(silent, environment);

  await expect(result).rejects.toThrow(
    /the checksum of .* is wrong: a{64} is published, [0-9a-f]{64} came/,
  );
  expect(await readdir(environment.cacheDirectory)).toEqual(['temporal-1.5.1.lock']);
});

test('a download without a published checksum is not used', async () => {
  const folder = await scratchFolder();
  const files = await release(folder);
  const host = await startDownloadHost(files.set(CHECKSUMS_PATH, Buffer.from('<html></html>')));

  const result = ensureTemporal(silent, scratchEnvironment(folder, host.url));

  await expect(result).rejects.toThrow(`no checksum of ${ARCHIVE} is published`);
});

test('a truncated download is not used', async () => {
  const folder = await scratchFolder();
  const host = await startDownloadHost(await release(folder), [ARCHIVE_PATH]);
  const environment = scratchEnvironment(folder, host.url);

  const result = ensureTemporal(silent, environment);

  await expect(result).rejects.toThrow(`the download of ${host.url}${ARCHIVE_PATH} broke off`);
  expect(await readdir(environment.cacheDirectory)).toEqual(['temporal-1.5.1.lock']);
});

test('where the release is not to be had, it is built with Go', async () => {
  const folder = await scratchFolder();
  const host = await startDownloadHost(new Map());
  await installGo(folder);
  const lines: string[] = [];

  const binary = await ensureTemporal(
    (line) => lines.push(line),
    scratchEnvironment(folder, host.url),
  );

  expect(run(binary)).toBe('built by Go');
  expect(lines[1]).toBe(
    `building Temporal CLI 1.5.1 from source, about 4 min: the download host answered 404 for ${host.url}${CHECKSUMS_PATH}`,
  );
  expect(await readFile(join(folder, 'go-arguments'), 'utf8')).toContain(
    'github.com/temporalio/cli/cmd/temporal@v1.5.1',
  );
});

test('where the download host is out of reach, it is built with Go', async () => {
  const folder = await scratchFolder();
  await installGo(folder);
  const lines: string[] = [];

  const binary = await ensureTemporal(
    (line) => lines.push(line),
    scratchEnvironment(folder, await unreachableUrl()),
  );

  expect(run(binary)).toBe('built by Go');
  expect(lines[1]).toMatch(/the download host is out of reach \(127\.0\.0\.1:\d+: ECONNREFUSED\)$/);
});

test('when a build fails its last lines are in the message', async () => {
  const folder = await scratchFolder();
  await writeScript(
    join(folder, 'bin', 'go'),
    "echo 'requires go >= 1.25.0 (running go 1.19)' >&2; exit 1",
  );

  const result = ensureTemporal(silent, scratchEnvironment(folder, await unreachableUrl()));

  await expect(result).rejects.toThrow(
    'ended with exit code 1: requires go >= 1.25.0 (running go 1.19)',
  );
});

test('when nothing works one message names what to install', async () => {
  const folder = await scratchFolder();

  const result = ensureTemporal(silent, scratchEnvironment(folder, await unreachableUrl()));

  await expect(result).rejects.toThrow(
    /^cannot get Temporal CLI 1\.5\.1: temporal is not on the PATH; the download host is out of reach .*; Go is not on the PATH, so it cannot be built from source\. Install the Temporal CLI \(docs\.temporal\.io\/cli\) or Go 1\.25 or newer, and put it on the PATH\.$/,
  );
});
