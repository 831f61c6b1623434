import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { claude } from '../../src/agents/claude.ts';
import { codex } from '../../src/agents/codex.ts';
import type { AgentFacts } from '../../src/agents/output-reader.ts';
import { createOutputReader } from '../../src/agents/output-readers.ts';
import { pi } from '../../src/agents/pi.ts';
import type { RunContext } from '../../src/agents/provider.ts';
import { systemDirectories } from '../../src/bottles/local/bubblewrap.ts';
import { type ReceivedRequest, startModelServer } from '../../src/demo/model-server.ts';
import type { NextTurn } from '../../src/demo/model-turn.ts';
import type { LlmProtocol } from '../../src/domain/agent.ts';
import { type AgentCliName, ensureAgentCli } from '../../tools/agent-clis.ts';

export const providers = { claude, codex, pi };

export interface CliRun {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly log: string;
  readonly facts: AgentFacts;
  /** To the model only. */
  readonly requests: readonly ReceivedRequest[];
}

export interface CliRunOptions {
  readonly model: NextTurn;
  readonly prompt?: string;
  readonly session?: string | undefined;
  readonly turnLimit?: number;
  readonly extraArguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly protocol?: LlmProtocol;
  /** By default there is none at the address that it is given. */
  readonly mcpUrl?: string;
  /** Ends it by force. */
  readonly killAfterMs?: number;
}

/**
 * A sandbox with nothing but a real CLI, mounted read-only, its home and a working copy; it shares the network, so that it can reach
 * the model's server, and has another user than root inside, as a bottle has. Kept from run to run, as a frozen bottle is.
 */
export class CliBottle {
  readonly root: string;
  readonly work: string;
  readonly home: string;
  readonly #name: AgentCliName;
  readonly #cli: string;

  private constructor(name: AgentCliName, root: string, cli: string) {
    this.#name = name;
    this.#cli = cli;
    this.root = root;
    this.work = join(root, 'work');
    this.home = join(root, 'home');
  }

  static async create(name: AgentCliName): Promise<CliBottle> {
    const { directory } = await ensureAgentCli(
      name,
      (line) => void process.stderr.write(`${line}\n`),
    );
    const bottle = new CliBottle(name, await mkdtemp(join(tmpdir(), 'cli-')), directory);
    for (const part of ['work', 'home', 'tmp', 'bin']) {
      await mkdir(join(bottle.root, part));
    }
    // As Debian's does.
    await writeFile(join(bottle.root, 'profile'), 'export PATH=/usr/local/bin:/usr/bin:/bin\n');
    return bottle;
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  async run(options: CliRunOptions): Promise<CliRun> {
    const requests: ReceivedRequest[] = [];
    const server = await startModelServer({
      nextTurn: options.model,
      onRequest: (request) => void (request.path.endsWith('/mcp') || requests.push(request)),
    });
    try {
      return { ...(await this.#execute(server.url, options)), requests };
    } finally {
      await server.close();
    }
  }

  async #execute(url: string, options: CliRunOptions): Promise<Omit<CliRun, 'requests'>> {
    const provider = providers[this.#name];
    const protocol = options.protocol ?? provider.protocols[0] ?? 'anthropic-messages';
    const context: RunContext = {
      prompt: options.prompt ?? 'Do it.',
      promptFile: '/run/prompt.md',
      model: 'm1',
      extraArguments: options.extraArguments ?? [],
      session: options.session,
      turnLimit: options.turnLimit,
      llm: { url: protocol === 'anthropic-messages' ? url : `${url}/v1`, protocol },
      mcpUrl: options.mcpUrl ?? `${url}/mcp`,
    };
    const { argv, environment, files } = provider.command({}, context);
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.home, file)), { recursive: true });
      await writeFile(join(this.home, file), text);
    }
    const child = spawn(
      'bwrap',
      [...this.#mounts(), ...variables({ ...environment, ...options.environment }), '--', ...argv],
      { env: {}, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const reader = createOutputReader(this.#name);
    if (reader === undefined) {
      throw new Error(`no reader for ${this.#name}`);
    }
    const stdout: Buffer[] = [];
    const log: string[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      log.push(reader.write(chunk).toString());
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const killing = setTimeout(() => child.kill('SIGKILL'), options.killAfterMs ?? 55_000);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(killing);
    log.push(reader.end().toString());
    return { code, stdout: Buffer.concat(stdout), stderr, log: log.join(''), facts: reader.facts };
  }

  #mounts(): string[] {
    const bind = (part: string, inside: string): string[] => [
      '--bind',
      join(this.root, part),
      inside,
    ];
    return [
      ...['--unshare-user', '--unshare-pid', '--uid', '1000', '--gid', '1000', '--die-with-parent'],
      ...systemDirectories(),
      ...['--proc', '/proc', '--dev', '/dev'],
      ...['--ro-bind', join(this.root, 'profile'), '/etc/profile'],
      ...['--ro-bind', this.#cli, '/opt/agent', '--ro-bind', process.execPath, '/opt/node/node'],
      ...[...bind('tmp', '/tmp'), ...bind('home', '/home/agent'), ...bind('work', '/work')],
      ...[...bind('bin', '/opt/bin'), '--chdir', '/work'],
    ];
  }
}

/** As in a bottle, but nobody is there: what does not go to the loopback address fails. */
const proxies = Object.fromEntries(
  ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => [
    name,
    'http://127.0.0.1:9',
  ]),
);

function variables(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries({
    PATH: '/opt/bin:/opt/agent/bin:/opt/node:/usr/bin:/bin',
    HOME: '/home/agent',
    LANG: 'C.UTF-8',
    ...proxies,
    NO_PROXY: '127.0.0.1,localhost',
    no_proxy: '127.0.0.1,localhost',
    NODE_USE_ENV_PROXY: '1',
    ...environment,
  }).flatMap(([name, value]) => ['--setenv', name, value]);
}
