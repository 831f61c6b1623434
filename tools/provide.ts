import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from './environment.ts';
import { withLock } from './lock.ts';

/** One way to get a tool, such as a download or a build. */
export interface Way {
  /** What a person reads while it goes on: "building Gitea 1.26.0 from source, about 5 min". */
  readonly doing: string;
  /**
   * Puts the tool's files into the empty `folder`. Throws with a one-line reason when this way does not work.
   * `scratch`, which it makes itself, keeps what a next try need not do again, until the tool is there.
   */
  fill(folder: string, scratch: string): Promise<void>;
}

export interface Tool {
  /** `gitea`: with the version, the name of its folder in the cache. */
  readonly name: string;
  readonly version: string;
  readonly title: string;
  /** Why the first way is taken at all: "no usable gitea on the PATH". */
  readonly reason: string;
  readonly ways: readonly Way[];
  /** What to install if no way works; one sentence. */
  readonly remedy: string;
}

const STILL_BUSY_EVERY_MS = 20_000;

/**
 * The folder `<cache>/<name>-<version>` that holds the tool, filled by the first of its ways that works.
 *
 * It is given without symbolic links, as a manifest wants it: people keep their caches on other disks.
 *
 * The folder appears whole or not at all, whatever is killed meanwhile; of several callers at once, in one or many
 * processes, one provides and the others wait. Rejects with one message that names every reason and the remedy.
 */
export async function provide(tool: Tool, cacheDirectory: string, report: Report): Promise<string> {
  const folder = join(cacheDirectory, `${tool.name}-${tool.version}`);
  if (existsSync(folder)) {
    return await realpath(folder);
  }
  await mkdir(cacheDirectory, { recursive: true });
  const onWait = (): void =>
    report(`waiting for ${tool.title} ${tool.version}: another process is getting it`);
  await withLock(`${folder}.lock`, onWait, async () => {
    if (!existsSync(folder)) {
      await removeLeftovers(folder, cacheDirectory);
      await tryWays(tool, folder, report);
    }
  });
  return await realpath(folder);
}

async function tryWays(tool: Tool, folder: string, report: Report): Promise<void> {
  const started = performance.now();
  const reasons = [tool.reason];
  for (const way of tool.ways) {
    report(`${way.doing}: ${reasons.at(-1) ?? ''}`);
    const busy = setInterval(() => {
      report(`still ${way.doing} (${duration(performance.now() - started)})`);
    }, STILL_BUSY_EVERY_MS);
    const partial = await mkdtemp(`${folder}.partial-`);
    const scratch = `${folder}.scratch`;
    try {
      await way.fill(partial, scratch);
      await rm(scratch, { recursive: true, force: true });
      await rename(partial, folder);
      report(
        `${tool.title} ${tool.version} is in ${folder} (${duration(performance.now() - started)})`,
      );
      return;
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
      await rm(partial, { recursive: true, force: true });
    } finally {
      clearInterval(busy);
    }
  }
  throw new Error(
    `cannot get ${tool.title} ${tool.version}: ${reasons.join('; ')}. ${tool.remedy}`,
  );
}

async function removeLeftovers(folder: string, cacheDirectory: string): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    const path = join(cacheDirectory, name);
    if (path.startsWith(`${folder}.partial-`)) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60
    ? `${String(seconds)} s`
    : `${String(Math.floor(seconds / 60))} min ${String(seconds % 60)} s`;
}
