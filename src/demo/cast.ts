import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type AgentCliName, ensureAgentCli } from '../../tools/agent-clis.ts';
import { provideDockerEngine } from '../../tools/docker-engine.ts';
import { ensureDockerImage } from '../../tools/docker-image.ts';
import { readToolEnvironment, type Report } from '../../tools/environment.ts';
import type { DemoAgentName, DemoBackend } from './cast-names.ts';
import { demoTurn } from './model-script.ts';
import { startModelServer } from './model-server.ts';

/** Who works in the demo, and where. */
export interface CastChoice {
  readonly agent: DemoAgentName;
  readonly backend: DemoBackend;
}

/** What agent and bottle of the demo are made of. */
export interface Cast {
  /** Also the agent's name. */
  readonly agent: DemoAgentName;
  /** One sentence on the model behind the agent; undefined: it needs none. */
  readonly model: string | undefined;
  /** Added to the orchestrator's environment; files of it hold the keys. */
  readonly environment: Readonly<Record<string, string>>;
  /** Writes the manifests and the model's key. @param data the orchestrator's data directory */
  write(data: string): Promise<void>;
}

interface Model {
  readonly route: string;
  /** Of the variables that name key and server to the orchestrator: `ANTHROPIC`, `OPENAI`. */
  readonly vendor: string;
  /** What a client of the vendor expects of its base URL. */
  readonly path: string;
}

const models: Readonly<Record<AgentCliName, Model>> = {
  claude: { route: 'anthropic', vendor: 'ANTHROPIC', path: '' },
  codex: { route: 'openai', vendor: 'OPENAI', path: '/v1' },
  pi: { route: 'anthropic', vendor: 'ANTHROPIC', path: '' },
};

/**
 * Brings what the choice needs: the agent's program, its model, the Engine and the image.
 * @param directory for what is thrown away afterwards
 * @param started whatever is started is put on it
 */
export async function bringCast(
  { agent, backend }: CastChoice,
  directory: string,
  report: Report,
  started: AsyncDisposableStack,
): Promise<Cast> {
  const bottle: Record<string, unknown> = { backend };
  const environment: Record<string, string> = {};
  if (backend === 'docker') {
    const engine = started.use(await provideDockerEngine(report, undefined, directory));
    bottle['image'] = await ensureDockerImage(engine.host, report);
    environment['DOCKER_HOST'] = engine.host;
  }
  if (agent === 'demo') {
    const command = ['node', '/opt/bottle/demo-agent.mjs'];
    const script = { provider: 'script', bottle: 'default', command };
    const write = (data: string): Promise<void> => writeManifests(data, agent, script, bottle);
    return { agent, model: undefined, environment, write };
  }
  const tool = await ensureAgentCli(agent, report);
  const model = models[agent];
  const { key, url, told } = await findModel(model, started);
  const keyFile = `${model.route}-key`;
  if (url !== undefined) environment[`${model.vendor}_BASE_URL`] = `${url}${model.path}`;
  return {
    agent,
    model: told,
    environment,
    async write(data) {
      await writeFile(join(data, keyFile), `${key}\n`, { mode: 0o600 });
      environment[`${model.vendor}_API_KEY_FILE`] = join(data, keyFile);
      await writeManifests(
        data,
        agent,
        { provider: agent, bottle: 'default', ...(url === undefined ? {} : { model: 'demo-1' }) },
        { ...bottle, tools: [tool.directory], llm: [model.route] },
      );
    },
  };
}

/** The real one, where this environment has a key for it, else one that follows a script. */
async function findModel(
  { vendor }: Model,
  started: AsyncDisposableStack,
): Promise<{ key: string; url: string | undefined; told: string }> {
  const { variables } = readToolEnvironment();
  const variable = `${vendor}_API_KEY`;
  const own = variables[variable];
  if (own !== undefined && own !== '') {
    return { key: own, url: undefined, told: `the real one, paid with ${variable}` };
  }
  const key = randomBytes(24).toString('hex');
  const server = await startModelServer({ nextTurn: demoTurn, key });
  started.defer(() => server.close());
  return {
    key,
    url: server.url,
    told: `a scripted stand-in on this machine, since ${variable} is not set; nothing is paid`,
  };
}

async function writeManifests(
  data: string,
  agent: DemoAgentName,
  agentKeys: object,
  bottleKeys: object,
): Promise<void> {
  for (const [folder, file, keys] of [
    ['agents', `${agent}.md`, agentKeys],
    ['bottles', 'default.md', bottleKeys],
  ] as const) {
    await mkdir(join(data, folder));
    await writeFile(join(data, folder, file), `---\n${stringify(keys)}---\n`);
  }
}
