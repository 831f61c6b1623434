import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ToolEnvironment } from '../../tools/environment.ts';

/** An empty folder that goes with the test. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tools-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A shell script that can be run. */
export async function writeScript(file: string, body: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

/** A machine with an empty PATH (`<folder>/bin`), an empty cache, and both download hosts at `downloadUrl`. */
export function scratchEnvironment(folder: string, downloadUrl: string): ToolEnvironment {
  return {
    path: join(folder, 'bin'),
    cacheDirectory: join(folder, 'cache'),
    temporalDownloadUrl: downloadUrl,
    giteaDownloadUrl: downloadUrl,
    variables: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, HOME: folder },
  };
}
