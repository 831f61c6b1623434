import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { z } from 'zod';
import { makeSocketBase, socketPaths } from '../../src/bottles/sockets.ts';
import type { deliveryView } from '../../src/api/views/delivery.ts';
import { ApiClient } from '../../src/cli/api-client.ts';
import { freePort } from '../../src/demo/free-port.ts';
import type { GiteaRepository } from '../../src/demo/gitea-site.ts';
import type { DeliveryState } from '../../src/store/store.ts';
import { GiteaPerson } from './gitea-person.ts';
import { startGitea, type TestGitea } from './gitea.ts';
import { startTestTemporal, type TestTemporal } from './temporal.ts';
import { until } from './until.ts';
import { startWebhookRelay } from './webhook-relay.ts';

const root = join(import.meta.dirname, '../..');
/** The command line, as it is built. */
export const program = join(root, 'dist/src/main.js');
const secret = 'webhook-secret';

/** Everything real: Temporal, Gitea, the orchestrator as a process of its own, bottles. */
export interface World extends AsyncDisposable {
  readonly temporal: TestTemporal;
  readonly gitea: TestGitea;
  readonly dataDirectory: string;
  readonly orchestrator: OrchestratorProcess;
  readonly api: ApiClient;
  /** @param script body of a POSIX shell script */
  addAgent(name: string, script: string): Promise<void>;
  /** @param path below the data directory: a manifest, say */
  write(path: string, text: string): Promise<void>;
  /** What `path` of the API answers: `/reconcile`, say. */
  ask(path: string): Promise<unknown>;
  /** Deliveries and what became of them. */
  deliveries(state?: DeliveryState): Promise<DeliveryView[]>;
  /** A fresh repository whose webhook is the orchestrator's, and alice in it. */
  repository(): Promise<Place>;
}

type DeliveryView = z.infer<typeof deliveryView>;

export interface Place {
  readonly repository: GiteaRepository;
  readonly alice: GiteaPerson;
}

export interface WorldOptions {
  /** Settings of the orchestrator on top of quick ones. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further agents: name → body of a POSIX shell script that is the agent. */
  readonly agents?: Readonly<Record<string, string>>;
  /** Further files of the data directory, by path: manifests of other agents and bottles, `orchestrator.toml`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Temporal keeps its workflows across `temporal.restart()`. */
  readonly persistent?: boolean;
  /** Deliveries come again until they are taken, where Gitea itself would send each once and lose it. */
  readonly patientForge?: boolean;
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
  for (const [path, text] of Object.entries(options.files ?? {})) {
    await writeBelow(dataDirectory, path, text);
  }
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
  let webhookUrl = `${orchestrator.url}/webhooks/gitea`;
  if (options.patientForge === true) {
    const relay = await startWebhookRelay(webhookUrl);
    started.use(relay);
    webhookUrl = relay.url;
  }
  const token = (await readFile(join(dataDirectory, 'api-token'), 'utf8')).trim();
  const api = new ApiClient({ url: orchestrator.url, token, tokenSource: 'the data directory' });
  async function ask(path: string): Promise<unknown> {
    const answer = await fetch(`${orchestrator.url}/api/v1${path}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return await answer.json();
  }
  const running = started.move();
  return {
    ask,
    temporal,
    gitea,
    dataDirectory,
    orchestrator,
    api,
    addAgent: (name, script) => writeAgent(dataDirectory, name, script),
    write: (path, text) => writeBelow(dataDirectory, path, text),
    async deliveries(state) {
      const query = state === undefined ? 'limit=1000' : `limit=1000&state=${state}`;
      return ((await ask(`/deliveries?${query}`)) as { deliveries: DeliveryView[] }).deliveries;
    },
    async repository() {
      const repository = await gitea.createRepository({ webhook: { url: webhookUrl, secret } });
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
    await this.answers('/readyz');
  }

  /** Resolves when `path` answers with 200: `/healthz` once it listens, `/readyz` once it works for Temporal. */
  async answers(path: '/healthz' | '/readyz'): Promise<void> {
    await until(
      `the orchestrator to answer at ${path}`,
      async () => {
        if (this.#child?.exitCode !== null) {
          throw new Error(`the orchestrator ended: ${await readFile(this.logFile, 'utf8')}`);
        }
        const answer = await fetch(`${this.url}${path}`).catch(() => undefined);
        return answer?.ok;
      },
      60_000,
    );
  }

  spawn(): void {
    const log = openSync(this.logFile, 'a');
    this.#child = spawn(process.execPath, [program, 'run'], {
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
  const demo = ['node', '/opt/bottle/demo-agent.mjs'];
  await writeFile(join(directory, 'agents', 'demo.md'), agentManifest(demo));
  for (const [name, script] of Object.entries(agents)) {
    await writeAgent(directory, name, script);
  }
}

async function writeBelow(directory: string, path: string, text: string): Promise<void> {
  const file = join(directory, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function writeAgent(directory: string, name: string, script: string): Promise<void> {
  // The name of the world in its command line tells whose agent a process is.
  const words = ['sh', '-c', script, `${basename(directory)}-agent`];
  await writeFile(join(directory, 'agents', `${name}.md`), agentManifest(words));
}

function agentManifest(command: readonly string[]): string {
  return `---\nprovider: script\nbottle: default\ncommand: ${JSON.stringify(command)}\n---\n`;
}

/** Supervisors outlive the orchestrator: a test's must not outlive the test. */
export async function endBottles(dataDirectory: string): Promise<void> {
  for (const pid of await supervisors(dataDirectory)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  await until('the bottles to end', async () => (await processesOf(dataDirectory)).length === 0);
}

/** Waits for a run, or is the sandbox that waits with it: once it has one, its bottle stands there in place of these words. */
const isSpare = (command: string): boolean =>
  (command.includes('supervisor.cjs') && command.includes('--expose-gc')) ||
  command.includes('/state/spares/');

/** Pids of the supervisors that have a run of a data directory, or of one of its bottles. */
export async function supervisors(dataDirectory: string, slug = ''): Promise<number[]> {
  const found = await processesOf(dataDirectory);
  return found
    .filter(({ command }) => command.includes('supervisor.cjs') && command.includes(slug))
    .filter(({ command }) => !isSpare(command))
    .map(({ pid }) => pid);
}

/** All that runs in or for the bottles of a data directory: supervisors, sandboxes, shells of agents. */
export async function processesOf(
  dataDirectory: string,
): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words.includes(basename(dataDirectory))) {
      found.push({ pid: Number(pid), command: words.replaceAll('\0', ' ') });
    }
  }
  return found;
}

/** What is left of bottles on this machine, besides their archives: nothing, once all are destroyed. */
export async function leftovers(world: World, slugs: readonly string[]): Promise<string[]> {
  const { dataDirectory } = world;
  const state = join(dataDirectory, 'state');
  const sockets = makeSocketBase(process.getuid?.() ?? 0, undefined);
  const directories = slugs.flatMap((slug) => [
    join(state, 'bottles', slug),
    socketPaths(sockets, dataDirectory, { slug, run: 1 }).root,
  ]);
  const uids = await readdir(join(state, 'uids')).catch(() => []);
  const owners = await Promise.all(
    uids.map((uid) => readFile(join(state, 'uids', uid), 'utf8').catch(() => '')),
  );
  // One may wait; what an orchestrator that was killed has left of another is gone.
  const spares = owners.filter((owner) => owner.startsWith('spare-'));
  return [
    ...directories.filter((path) => existsSync(path)),
    ...owners
      .filter((owner) => owner !== '' && !owner.startsWith('spare-'))
      .map((owner) => `a user of ${owner}`),
    ...spares.slice(1).map((spare) => `a user of ${spare}`),
    ...(await processesOf(dataDirectory))
      .filter(({ command }) => !isSpare(command))
      .map(({ pid, command }) => `${pid} ${command}`),
  ];
}
