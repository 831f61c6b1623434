import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { LaunchRefusedError } from '../domain/errors.ts';
import { type Refs, readAdvertisedRefs } from './advertised-refs.ts';
import { mirrorPath } from './directory.ts';
import { forgeSettings, gitEnvironment, type GitSettings } from './git-settings.ts';
import type { ForgeCredentials, LaunchRequest } from './host.ts';
import { KeyedLock } from './keyed-lock.ts';
import { livingBranches } from './living-branches.ts';
import { readRefs } from './repository-refs.ts';
import { systemEnvironment } from './system.ts';

const timeoutMs = 30 * 60_000;
/** git holds a lock for less; one that is older was left by a process that was killed. */
const staleLockMs = 10_000;
const lockAttempts = 3;

const run = promisify(execFile);

/** The bare mirrors of this data directory. Bottles clone from them and pushes pass through them. */
export class Mirrors {
  readonly #dataDirectory: string;
  readonly #locks = new KeyedLock();
  /** Updates that have not begun, with the branches that are asked for: whoever asks meanwhile shares them. */
  readonly #queued = new Map<string, { branches: Set<string>; done: Promise<void> }>();

  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory;
  }

  /**
   * Brings the mirror to what the forge has now; makes it when there is none. Safe to call concurrently, also while
   * bottles read from the mirror and push through it: the branches of other living runs are left to their pushes,
   * whose refs a fetch would lock or create before them.
   * @param branch the one that is about to be cloned: nobody pushes to it yet
   * @throws LaunchRefusedError when the forge refuses the token or does not know the repository
   * @throws Error for what may pass
   */
  async update(
    repository: LaunchRequest['repository'],
    branch: string,
    credentials: ForgeCredentials,
    signal: AbortSignal,
  ): Promise<void> {
    const path = mirrorPath(this.#dataDirectory, repository.id);
    const update = this.#queued.get(path) ?? this.#queue(path, repository, credentials);
    update.branches.add(branch);
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      await Promise.race([update.done, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #queue(
    path: string,
    repository: LaunchRequest['repository'],
    credentials: ForgeCredentials,
  ): { branches: Set<string>; done: Promise<void> } {
    const branches = new Set<string>();
    const done = this.#locks.run(path, async () => {
      this.#queued.delete(path);
      const living = await livingBranches(this.#dataDirectory, repository.id);
      const others = living.filter((branch) => !branches.has(branch));
      await fetchInto(path, repository, others, credentials);
    });
    this.#queued.set(path, { branches, done });
    return { branches, done };
  }
}

async function fetchInto(
  path: string,
  { cloneUrl, defaultBranch }: LaunchRequest['repository'],
  leftAlone: readonly string[],
  credentials: ForgeCredentials,
): Promise<void> {
  if (!existsSync(path)) await makeMirror(path);
  const head = `refs/heads/${defaultBranch}`;
  if ((await readFile(join(path, 'HEAD'), 'utf8')).trim() !== `ref: ${head}`) {
    await git(['-C', path, 'symbolic-ref', 'HEAD', head]);
  }
  if (await isUpToDate(path, cloneUrl, leftAlone, credentials)) return;
  const args = ['--prune', '--force', '--quiet', '--no-write-fetch-head'];
  const refs = [
    '+refs/heads/*:refs/heads/*',
    '+refs/tags/*:refs/tags/*',
    ...leftAlone.map((branch) => `^refs/heads/${branch}`),
  ];
  for (let attempt = 1; ; attempt++) {
    try {
      // A clean-up in the background would outlive its launch.
      const settings = { ...forgeSettings(cloneUrl, credentials), 'gc.autoDetach': 'false' };
      await git(['-C', path, 'fetch', ...args, cloneUrl, ...refs], settings);
      return;
    } catch (error) {
      const said = (error as { stderr?: string }).stderr ?? '';
      const locked = /\.lock': File exists/.test(said);
      if (!locked || attempt === lockAttempts) throw explain(error, cloneUrl);
      await removeStaleLocks(path);
    }
  }
}

/** True when the forge has just the branches and tags that the mirror has. In doubt false: a fetch is always right. */
async function isUpToDate(
  path: string,
  cloneUrl: string,
  leftAlone: readonly string[],
  credentials: ForgeCredentials,
): Promise<boolean> {
  const [there, here] = await Promise.all([
    readAdvertisedRefs(cloneUrl, credentials),
    readRefs(path),
  ]);
  if (there === undefined || here === undefined) return false;
  const others = new Set(leftAlone.map((branch) => `refs/heads/${branch}`));
  const compared = (refs: Refs): string[] =>
    [...refs].flatMap(([name, id]) => (others.has(name) ? [] : [`${name} ${id}`])).toSorted();
  return compared(there).join('\n') === compared(here).join('\n');
}

async function makeMirror(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = join(dirname(path), `.${randomUUID()}`);
  try {
    await git(['init', '--quiet', '--bare', draft]);
    await rename(draft, path);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Waits until the locks there are now are gone, or so old that nobody holds them. */
async function removeStaleLocks(path: string): Promise<void> {
  const names = await readdir(path, { recursive: true });
  for (const name of names.filter((entry) => entry.endsWith('.lock'))) {
    const lock = join(path, name);
    for (;;) {
      const info = await stat(lock).catch(() => undefined);
      if (info === undefined) break;
      const left = info.mtimeMs + staleLockMs - Date.now();
      if (left <= 0) {
        await rm(lock, { force: true });
        break;
      }
      await delay(Math.min(left, 500));
    }
  }
}

async function git(args: readonly string[], settings: GitSettings = {}): Promise<string> {
  const { stdout } = await run('git', args, {
    env: { ...systemEnvironment, ...gitEnvironment(settings) },
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

function explain(error: unknown, url: string): Error {
  const { stderr, message } = error as Error & { stderr?: string };
  const said = stderr?.trim() || message;
  if (/Authentication failed|could not read Username|returned error: 40[13]/i.test(said)) {
    return new LaunchRefusedError(
      `The forge refuses the orchestrator's token for ${url}: give its account access to the repository, and the ` +
        `token the scope write:repository. (git: ${said})`,
    );
  }
  if (/repository '.*' not found|returned error: 404/i.test(said)) {
    return new LaunchRefusedError(
      `The forge has no repository ${url}, or hides it from the orchestrator's account: give it access. (git: ${said})`,
    );
  }
  if (/returned error: 30\d/i.test(said)) {
    return new LaunchRefusedError(
      `The forge answers ${url} with a redirect, which the token does not follow: correct the address that the forge ` +
        `gives for its repositories. (git: ${said})`,
    );
  }
  return new Error(`git fetch from ${url}: ${said}`, { cause: error });
}
