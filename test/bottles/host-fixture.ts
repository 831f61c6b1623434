import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { BottleBackend } from '../../src/bottles/backend.ts';
import { sparePaths } from '../../src/bottles/directory.ts';
import type {
  BottleHost,
  ForgeCredentials,
  LaunchOrder,
  LaunchRequest,
  RunObserver,
} from '../../src/bottles/host.ts';
import { type SupervisorTiming, supervisorTiming } from '../../src/bottles/launch-file.ts';
import { createLocalBackend } from '../../src/bottles/local/local-backend.ts';
import { installRuntime } from '../../src/bottles/runtime.ts';
import { makeSocketBase, socketPaths } from '../../src/bottles/sockets.ts';
import { createSupervisedHost } from '../../src/bottles/supervised-host.ts';
import { readyMark } from '../../src/bottles/spare.ts';
import { Spares } from '../../src/bottles/spares.ts';
import type { Operation } from '../../src/domain/operation.ts';
import type { Done, RunEnd } from '../../src/domain/run.ts';
import type { Usage } from '../../src/domain/usage.ts';
import { bundleRuntime } from '../../tools/bundle-runtime.ts';
import { until } from '../support/until.ts';

/** No forge answers there: what these tests ask of the sidecar needs none. */
export const credentials: ForgeCredentials = {
  apiUrl: 'http://127.0.0.1:9/api/v1',
  login: 'bot',
  token: 'a-secret-token',
};

export const giveCredentials = async (): Promise<ForgeCredentials> => credentials;

/** The launch's order as it is when the forge has answered at once. */
export const ordered = (request: LaunchRequest): LaunchOrder => ({
  source: Promise.resolve({ repository: request.repository, credentials }),
  request: Promise.resolve(request),
});

export const never = new AbortController().signal;

/** A host on a data directory of its own, with a repository to clone from. */
export class HostFixture {
  readonly directory: string;
  readonly dataDirectory: string;
  readonly upstream: string;
  readonly backend: BottleBackend;
  readonly host: BottleHost;
  readonly runtimeDirectory: string;
  readonly socketBase: string;
  readonly #image: string | undefined;
  readonly #spares: Spares | undefined;

  private constructor(
    directory: string,
    runtimeDirectory: string,
    timing: SupervisorTiming,
    backend: BottleBackend,
    image: string | undefined,
    spares: boolean,
  ) {
    this.#image = image;
    this.directory = directory;
    this.dataDirectory = join(directory, 'data');
    this.upstream = join(directory, 'upstream.git');
    this.runtimeDirectory = runtimeDirectory;
    this.backend = backend;
    this.socketBase = makeSocketBase(process.getuid?.() ?? 0, undefined);
    this.#spares = spares ? this.makeSpares() : undefined;
    this.#spares?.keep();
    this.host = this.anotherHost(timing, backend, this.socketBase, this.#spares);
  }

  static async make(
    options: {
      timing?: Partial<SupervisorTiming>;
      directory?: string;
      backend?: BottleBackend;
      image?: string;
      /** Whether a supervisor waits for each launch, as the orchestrator has it. */
      spares?: boolean;
    } = {},
  ): Promise<HostFixture> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'bottles-')));
    const built = join(directory, 'built');
    await bundleRuntime(built);
    const runtime = await installRuntime(join(directory, 'data'), built);
    const timing = { ...supervisorTiming, afterDone: 300, afterTerm: 1_000, ...options.timing };
    const fixture = new HostFixture(
      directory,
      runtime,
      timing,
      options.backend ?? createLocalBackend(),
      options.image,
      options.spares ?? false,
    );
    await fixture.#makeUpstream();
    return fixture;
  }

  /** As an orchestrator that starts on the data directory has them. */
  makeSpares(): Spares {
    const { dataDirectory, socketBase, runtimeDirectory, backend } = this;
    return new Spares({ dataDirectory, socketBase, runtimeDirectory, backend });
  }

  /** Resolves when the sandbox that waits for the next launch is up. */
  async spareIsUp(): Promise<void> {
    const { root } = sparePaths(this.dataDirectory, 'any');
    await until('a spare', async () => {
      const [slug, ...others] = await readdir(dirname(root)).catch(() => []);
      const run = { slug: slug ?? '', run: 1 };
      const mark = readyMark(socketPaths(this.socketBase, this.dataDirectory, run));
      return others.length === 0 && existsSync(mark);
    });
  }

  /** As the next orchestrator on the same data directory has it. */
  anotherHost(
    timing: SupervisorTiming = supervisorTiming,
    backend: BottleBackend = this.backend,
    socketBase: string = this.socketBase,
    spares?: Spares,
  ): BottleHost {
    return createSupervisedHost({
      dataDirectory: this.dataDirectory,
      socketBase,
      runtimeDirectory: this.runtimeDirectory,
      backends: new Map([[backend.name, backend]]),
      hostId: 'test',
      timing,
      ...(spares === undefined ? {} : { spares }),
    });
  }

  /** A request for a new bottle whose agent is a shell script. */
  request(script: string, changes: Partial<LaunchRequest> = {}): LaunchRequest {
    // Processes and cgroups are told apart by the slug alone: fixtures of other test runs may live now.
    const hex = randomBytes(4).toString('hex');
    return {
      slug: `test-${hex}`,
      run: 1,
      workflowId: `issue/test/${hex}`,
      backend: this.backend.name,
      repository: {
        id: 7,
        forgeHost: 'forge.example',
        owner: 'acme',
        name: 'site',
        cloneUrl: `file://${this.upstream}`,
        defaultBranch: 'main',
      },
      issueNumber: 1,
      branch: 'bot-bottle/issue-1',
      prompt: 'Do the work.',
      argv: ['sh', '-c', script],
      environment: {},
      gitIdentity: { name: 'Agent', email: 'agent@example.test' },
      limits: {},
      deadlineMs: 3_600_000,
      ...(this.#image === undefined ? {} : { image: this.#image }),
      ...changes,
    };
  }

  /** Launches and waits for the end. */
  async run(request: LaunchRequest): Promise<RunEnd> {
    await this.host.launch(request, ordered(request), never);
    return await this.host.watch(request, giveCredentials, new Recorder(), never);
  }

  async output(request: LaunchRequest): Promise<string> {
    const options = { follow: false, signal: never };
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.host.readOutput(request, options)) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spares?.[Symbol.asyncDispose]();
    for (const { slug } of await this.host.list()) await this.host.destroy(slug);
    const { root } = socketPaths(this.socketBase, this.dataDirectory, { slug: '', run: 0 });
    await rm(dirname(root), { recursive: true, force: true });
    await rm(this.directory, { recursive: true, force: true });
  }

  async #makeUpstream(): Promise<void> {
    const seed = join(this.directory, 'seed');
    await mkdir(seed, { recursive: true });
    await writeFile(join(seed, 'readme.md'), 'hello\n');
    const git = (...args: string[]): void => {
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], {
        cwd: seed,
        stdio: 'ignore',
      });
    };
    git('init', '--initial-branch=main');
    git('add', '.');
    git('commit', '--message=first');
    git('clone', '--bare', seed, this.upstream);
  }
}

/** Keeps what a watch tells. */
export class Recorder implements RunObserver {
  readonly lastSequence: number;
  readonly batches: (readonly Operation[])[] = [];
  readonly dones: Done[] = [];
  readonly pullRequests: number[] = [];
  readonly comments: number[] = [];
  readonly sessions: string[] = [];
  readonly usages: Usage[] = [];
  readonly checkins: number[] = [];

  constructor(lastSequence = 0) {
    this.lastSequence = lastSequence;
  }

  get recorded(): Operation[] {
    return this.batches.flat();
  }

  async operations(batch: readonly Operation[]): Promise<void> {
    this.batches.push(batch);
  }

  async pullRequest(number: number): Promise<void> {
    this.pullRequests.push(number);
  }

  async comment(id: number): Promise<void> {
    this.comments.push(id);
  }

  async done(done: Done): Promise<void> {
    this.dones.push(done);
  }

  async session(id: string): Promise<void> {
    this.sessions.push(id);
  }

  async usage(usage: Usage): Promise<void> {
    this.usages.push(usage);
  }

  checkin(at: number): void {
    this.checkins.push(at);
  }
}
