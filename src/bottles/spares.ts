import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BottleBackend } from './backend.ts';
import { type BottlePaths, runPaths, sparePaths } from './directory.ts';
import { writeManifest } from './manifest.ts';
import { makePromptFile } from './prompt-file.ts';
import { type SocketPaths, socketPaths } from './sockets.ts';
import { firstRun, type Spare } from './spare.ts';
import { giveOrder, isRunning, startSupervisor } from './supervisor-process.ts';
import { claimUid, releaseUid } from './uid.ts';

const removal = { recursive: true, force: true };

export interface SparesOptions {
  readonly dataDirectory: string;
  /** See `makeSocketBase`. */
  readonly socketBase: string;
  /** See `installRuntime`. */
  readonly runtimeDirectory: string;
  /** Starts the sandbox, if it can do so ahead of the bottle; undefined: there is none. */
  readonly backend: BottleBackend | undefined;
}

/**
 * Keeps a supervisor waiting for the next launch, with a sandbox where that can be had: starting the two takes longer
 * than everything else that a launch does on the host. Both end with this process.
 */
export class Spares implements AsyncDisposable {
  readonly #options: SparesOptions;
  #waiting: Promise<Spare | undefined>;

  /** Removes what those of an orchestrator that was killed have left. */
  constructor(options: SparesOptions) {
    this.#options = options;
    // What cannot be removed now hinders nobody, and is tried again at the next start.
    this.#waiting = this.#removeLeftovers().then(
      () => undefined,
      () => undefined,
    );
  }

  /** Has one wait for the next run, if none does. */
  keep(): void {
    this.#waiting = this.#waiting
      .then(async (spare) => {
        if (spare !== undefined && isRunning(spare.supervisor)) return spare;
        if (spare !== undefined) await this.remove(spare);
        // A launch that finds none starts a supervisor of its own, and says why that fails.
        return await this.#make();
      })
      .catch(() => undefined);
  }

  /** The one that waits: it is the caller's now. Undefined when none does. */
  async take(): Promise<Spare | undefined> {
    const taken = this.#waiting;
    this.#waiting = taken.then(() => undefined);
    const spare = await taken;
    if (spare === undefined || isRunning(spare.supervisor)) return spare;
    await this.remove(spare);
    return undefined;
  }

  /** Ends the sandbox of one that was taken, and removes its directories. Its supervisor may have a run. Idempotent. */
  async remove({ paths }: Pick<Spare, 'paths'>): Promise<void> {
    const { dataDirectory, backend } = this.#options;
    await backend?.destroy(paths);
    await rm(this.#socketsOf(paths).root, removal);
    releaseUid(dataDirectory, paths.slug);
    await rm(paths.root, removal);
  }

  /** Ends one that was taken and got no run. */
  async dismiss(spare: Spare): Promise<void> {
    const { supervisor } = spare;
    if (isRunning(supervisor)) {
      supervisor.stdin?.destroy();
      supervisor.ref();
      await once(supervisor, 'exit');
    }
    await this.remove(spare);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const spare = await this.take();
    if (spare !== undefined) await this.dismiss(spare);
  }

  async #removeLeftovers(): Promise<void> {
    const { dataDirectory } = this.#options;
    const directory = dirname(sparePaths(dataDirectory, 'any').root);
    for (const slug of await readdir(directory).catch(() => [])) {
      await this.remove({ paths: sparePaths(dataDirectory, slug) });
    }
  }

  async #make(): Promise<Spare> {
    const { dataDirectory, runtimeDirectory, backend } = this.#options;
    const paths = sparePaths(dataDirectory, `spare-${randomBytes(8).toString('hex')}`);
    const { root, prompt, supervisorLog: log } = runPaths(paths.runs, firstRun);
    try {
      await mkdir(root, { recursive: true, mode: 0o700 });
      const sockets = this.#socketsOf(paths);
      if (backend?.spawnSpare === undefined) {
        const supervisor = await startSupervisor(runtimeDirectory, log);
        return { supervisor, paths, sockets, log, uid: undefined, backend: undefined };
      }
      const uid = claimUid(dataDirectory, paths.slug);
      await writeManifest(paths, {
        version: 1,
        slug: paths.slug,
        // Nobody's yet.
        workflowId: '',
        backend: backend.name,
        ...(uid === undefined ? {} : { uid }),
        createdAt: Date.now(),
      });
      makePromptFile(prompt);
      await backend.prepare({
        paths,
        run: firstRun,
        image: undefined,
        tools: [],
        limits: {},
        socketDirectory: sockets.mounted,
        runtimeDirectory,
        promptFile: prompt,
      });
      await chmod(root, 0o711);
      const supervisor = await startSupervisor(runtimeDirectory, log);
      giveOrder(supervisor, {
        type: 'prepare',
        spare: { backend: backend.name, paths, sockets, runtimeDirectory, promptFile: prompt },
      });
      return { supervisor, paths, sockets, log, uid, backend: backend.name };
    } catch (error) {
      await this.remove({ paths });
      throw error;
    }
  }

  #socketsOf({ slug }: BottlePaths): SocketPaths {
    const { socketBase, dataDirectory } = this.#options;
    return socketPaths(socketBase, dataDirectory, { slug, run: firstRun });
  }
}
