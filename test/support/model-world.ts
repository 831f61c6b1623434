import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type ReceivedRequest, startModelServer } from '../../src/demo/model-server.ts';
import type { Conversation, NextTurn, Turn } from '../../src/demo/model-turn.ts';
import { type AgentCliName, agentCliNames, ensureAgentCli } from '../../tools/agent-clis.ts';
import type { DockerStage } from './docker.ts';
import { startWorld, type World } from './world.ts';

/** An agent whose program is real and whose model is scripted. */
export interface ModelAgent {
  readonly cli: AgentCliName;
  /** `local` and `docker` have the programs of all agents and a route to each model; `bare` is `local` without programs. */
  readonly bottle: string;
  readonly model: NextTurn;
  /** Further keys of its manifest. */
  readonly keys?: object;
  /** The price of its model is known, which it is by default. */
  readonly priced?: boolean;
}

export interface ModelWorldOptions {
  /** By name, which is the name of its model too. */
  readonly agents: Readonly<Record<string, ModelAgent>>;
  readonly docker?: DockerStage | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

/** A world with models behind it. */
export interface ModelWorld extends AsyncDisposable {
  readonly world: World;
  /** The routes' real key: requests without it are refused by the models' server. */
  readonly key: string;
  /** What the models of all agents were asked. */
  readonly conversations: readonly Conversation[];
  readonly requests: readonly ReceivedRequest[];
  /** Changes keys of an agent's manifest. */
  change(agent: string, keys: object): Promise<void>;
}

/** US dollars per million tokens. */
export const price = { input: 3, output: 15 };

/** The same number of tokens for each answer. */
export const tokensOfTurn = { input: 1000, output: 100 };

/** A model whose answers use `tokensOfTurn`. */
export function metered(model: NextTurn): NextTurn {
  return (conversation) => {
    const turn: Turn = model(conversation);
    return 'fail' in turn ? turn : { ...turn, tokens: tokensOfTurn };
  };
}

export async function startModelWorld(options: ModelWorldOptions): Promise<ModelWorld> {
  await using started = new AsyncDisposableStack();
  const { agents, docker } = options;
  const key = `sk-route-${randomBytes(24).toString('hex')}`;
  const keys = await mkdtemp(join(tmpdir(), 'keys-'));
  started.defer(() => rm(keys, { recursive: true, force: true }));
  await writeFile(join(keys, 'key'), `${key}\n`, { mode: 0o600 });

  const conversations: Conversation[] = [];
  const requests: ReceivedRequest[] = [];
  const server = await startModelServer({
    key,
    onRequest: (request) => void requests.push(request),
    nextTurn(conversation) {
      conversations.push(conversation);
      const agent = agents[conversation.model];
      return agent === undefined
        ? { fail: { status: 404, type: 'not_found_error', message: 'no such model' } }
        : agent.model(conversation);
    },
  });
  started.defer(() => server.close());

  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const programs = await Promise.all(agentCliNames.map((name) => ensureAgentCli(name, report)));
  const tools = programs.map(({ directory }) => directory);
  const llm = ['anthropic', 'openai'];
  const manifest = (name: string, { cli, bottle, keys = {} }: ModelAgent) =>
    frontMatter({ provider: cli, bottle, model: name, ...keys });
  const world = await startWorld({
    files: {
      'orchestrator.toml': routes(server.url, join(keys, 'key'), agents),
      'bottles/local.md': frontMatter({ backend: 'local', tools, llm }),
      'bottles/bare.md': frontMatter({ backend: 'local', llm }),
      ...(docker && {
        'bottles/docker.md': frontMatter({ backend: 'docker', image: docker.image, tools, llm }),
      }),
      ...Object.fromEntries(
        Object.entries(agents).map(([name, agent]) => [`agents/${name}.md`, manifest(name, agent)]),
      ),
      ...options.files,
    },
    environment: {
      MAX_BOTTLES: '20',
      ...(docker && { DOCKER_HOST: docker.engine.host }),
      ...options.environment,
    },
  });
  started.use(world);
  const running = started.move();
  return {
    world,
    key,
    conversations,
    requests,
    async change(name, changed) {
      const agent = agents[name];
      if (agent === undefined) throw new Error(`no agent ${name}`);
      const keys = { ...agent.keys, ...changed };
      await world.write(`agents/${name}.md`, manifest(name, { ...agent, keys }));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

export function frontMatter(keys: object): string {
  return `---\n${stringify(keys)}---\n`;
}

/** Settings with a route for each protocol, and what is known of prices. */
function routes(url: string, keyFile: string, agents: ModelWorldOptions['agents']): string {
  const prices = Object.entries(agents)
    .filter(([, { priced = true }]) => priced)
    .map(([name]) => `"${name}" = { input = ${price.input}, output = ${price.output} }`);
  return Object.entries({ anthropic: url, openai: `${url}/v1` })
    .flatMap(([name, upstream]) => [
      `[llm_routes.${name}]`,
      `upstream = "${upstream}"`,
      `key_file = "${keyFile}"`,
      `[llm_routes.${name}.prices]`,
      ...prices,
    ])
    .join('\n');
}
