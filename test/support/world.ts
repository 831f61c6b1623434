import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../../src/cli/api-client.ts';
import { freePort } from '../../src/demo/free-port.ts';
import type { GiteaRepository } from '../../src/demo/gitea-site.ts';
import { GiteaPerson } from './gitea-person.ts';
import { startGitea, type TestGitea } from './gitea.ts';
import { startTestTemporal, type TestTemporal } from './temporal.ts';
import { until } from './until.ts';

const root = join(import.meta.dirname, '../..');
const secret = 'webhook-secret';

/** Everything real: Temporal, Gitea, the orchestrator as a process of its own, bottles. */
export interface World extends AsyncDisposable {
  readonly temporal: TestTemporal;
  readonly gitea: TestGitea;
  readonly dataDirectory: string;
  readonly orchestrator: OrchestratorProcess;
  readonly api: ApiClient;
  /** A fresh repository whose webhook is the orchestrator's, and alice in it. */
  repository(): Promise<{ repository: GiteaRepository; alice: GiteaPerson }>;
}

export interface WorldOptions {
  /** Settings of the orchestrator on top of quick ones. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further agents: name → body of a POSIX shell script that is the agent. */
  readonly agents?: Readonly<Record<string, string>>;
  /** Temporal keeps its workflows across `temporal.restart()`. */
  readonly persistent?: boolean;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  await using started = new AsyncDisposableStack();
  const dataDirectory = await mkdtemp(join(tmpdir(), 'world-'));
  started.defer(() => rm(dataDirectory, { recursive: true, force: true }));
  const [temporal, gitea] = await Promise.all([
    startTestTemporal({ persistent: options.persistent ?? false }),
    startGitea(),
  ]);
  started.use(temporal);
  started.defer(() => gitea.stop());
  await writeManifests(dataDirectory, options.agents ?? {});
  const port = await freePort();
  const orchestrator = new OrchestratorProcess(
    {
      PATH: process.env['PATH'] ?? '',
      HOME: dataDirectory,
      ORCHESTRATOR_DATA_DIR: dataDirectory,
      TEMPORAL_ADDRESS: temporal.server.address,
      FORGE_GITEA_API: gitea.apiUrl,
      FORGE_TOKEN: gitea.bot.token,
      FORGE_WEBHOOK_SECRET: secret,
      FORGE_WEBHOOK_PORT: String(port),
      COMMENT_DEBOUNCE: '1s',
      ORCHESTRATOR_LOG_LEVEL: 'debug',
      ...options.environment,
    },
    `http://127.0.0.1:${port}`,
    join(dataDirectory, 'orchestrator.log'),
  );
  await orchestrator.start();
  started.defer(async () => {
    await orchestrator.stop();
    await endBottles(dataDirectory);
  });
  const api = new ApiClient({
    url: orchestrator.url,
    token: (await readFile(join(dataDirectory, 'api-token'), 'utf8')).trim(),
    tokenSource: 'the data directory',
  });
  const running = started.move();
  return {
    temporal,
    gitea,
    dataDirectory,
    orchestrator,
    api,
    async repository() {
      const repository = await gitea.createRepository({
        webhook: { url: `${orchestrator.url}/webhooks/gitea`, secret },
      });
      return { repository, alice: new GiteaPerson(gitea.alice, repository) };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** `orchestrator run`, to be killed and started again. */
export class OrchestratorProcess {
  readonly url: string;
  readonly logFile: string;
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  constructor(environment: Readonly<Record<string, string>>, url: string, logFile: string) {
    this.#environment = environment;
    this.url = url;
    this.logFile = logFile;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) {
      throw new Error('the orchestrator does not run');
    }
    return pid;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    this.spawn();
    await until(
      'the orchestrator to be ready',
      async () => {
        if (this.#child?.exitCode !== null) {
          throw new Error(`the orchestrator ended: ${await readFile(this.logFile, 'utf8')}`);
        }
        const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
        return answer?.ok;
      },
      60_000,
    );
  }

  spawn(): void {
    const log = openSync(this.logFile, 'a');
    this.#child = spawn(process.execPath, [join(root, 'dist/src/main.js'), 'run'], {
      env: this.#environment,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    child.kill(signal);
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM');
  }
}

async function writeManifests(
  directory: string,
  agents: Readonly<Record<string, string>>,
): Promise<void> {
  await mkdir(join(directory, 'agents'));
  await mkdir(join(directory, 'bottles'));
  await writeFile(join(directory, 'bottles', 'default.md'), '---\nbackend: local\n---\n');
  const command = (words: readonly string[]): string =>
    `---\nprovider: script\nbottle: default\ncommand: ${JSON.stringify(words)}\n---\n`;
  await writeFile(
    join(directory, 'agents', 'demo.md'),
    command(['node', '/opt/bottle/demo-agent.mjs']),
  );
  for (const [name, script] of Object.entries(agents)) {
    await writeFile(join(directory, 'agents', `${name}.md`), command(['sh', '-c', script]));
  }
}

/** Supervisors outlive the orchestrator: a test's must not outlive the test. */
async function endBottles(dataDirectory: string): Promise<void> {
  for (const pid of await supervisors(dataDirectory)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Pids of the supervisors that live for a data directory. */
export async function supervisors(dataDirectory: string): Promise<number[]> {
  const { readdir } = await import('node:fs/promises');
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words.includes(dataDirectory) && words.includes('supervisor')) {
      found.push(Number(pid));
    }
  }
  return found;
}
