import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManifestCatalogue } from '../../src/agents/manifest-catalogue.ts';
import { ForgeUnavailableError, LaunchRefusedError } from '../../src/domain/errors.ts';
import type { LlmRoute } from '../../src/domain/agent.ts';
import type { BackendName } from '../../src/domain/bottle.ts';
import type { RepositoryRef } from '../../src/domain/issue.ts';
import { MemoryForge } from '../../src/forges/memory/memory-forge.ts';
import { type MemoryPerson, MemorySite } from '../../src/forges/memory/memory-site.ts';
import { withModelProvider } from './a-model-provider.ts';
import { routes } from './llm-routes.ts';

let directory: string;
let forge: MemoryForge;
let repository: RepositoryRef;
let alice: MemoryPerson;
const problems: string[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'catalogue-'));
  await mkdir(join(directory, 'agents'));
  await mkdir(join(directory, 'bottles'));
  const site = new MemorySite();
  repository = site.addRepository('acme', 'widgets');
  alice = site.person('alice', repository);
  forge = new MemoryForge(site, 'bot');
  problems.length = 0;
  await write('agents/demo.md', agent);
  await write('bottles/small.md', bottle);
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const write = (file: string, text: string): Promise<void> => writeFile(join(directory, file), text);

const open = (
  configured: Readonly<Record<string, LlmRoute>> = routes,
  defaultBackend: BackendName = 'local',
) =>
  createManifestCatalogue({
    directory,
    defaultBackend,
    providers: withModelProvider,
    routes: configured,
    repositoryFiles: forge,
    promptFile: '/run/prompt.md',
    doorUrl: 'http://127.0.0.1:3128',
    onProblem: ({ error }) => problems.push(error.message),
  });

const agent = `---
provider: script
bottle: small
command: [node, /opt/bottle/demo-agent.mjs]
---

You are careful.
`;
const bottle = `---
memory: 512m
environment:
  MODE: demo
---
A small one.
`;

const run = { prompt: 'Do it.', session: undefined };

describe('the catalogue of manifests', () => {
  test('plans a launch from an agent and a bottle', async () => {
    const plan = await open().plan('demo', 'small', repository);
    expect(plan).toMatchObject({
      provider: 'script',
      standingPrompt: 'You are careful.',
      environment: { MODE: 'demo' },
      sandbox: { limits: { memoryBytes: 512 * 1024 * 1024 } },
      routes: {},
      egress: [],
      runBudget: {},
      issueBudget: {},
    });
    expect(plan.command(run)).toEqual({
      argv: ['node', '/opt/bottle/demo-agent.mjs'],
      environment: { BOTTLE_PROMPT: '/run/prompt.md' },
      files: {},
    });
  });

  test('plans all that a manifest can say of a model', async () => {
    await write(
      'agents/writer.md',
      `---
provider: pi
model: opus-5
arguments: [--effort, high]
turns: 40
time: 30m
budget:
  run: {tokens: 100000, usd: 2.5}
  issue: {usd: 10}
---
`,
    );
    await write('bottles/net.md', '---\negress: [example.com]\nllm: [ollama, anthropic]\n---\n');
    const plan = await open().plan('writer', 'net', repository);
    expect(plan).toMatchObject({
      provider: 'pi',
      model: 'opus-5',
      timeLimitMs: 1_800_000,
      runBudget: { tokens: 100_000, usd: 2.5 },
      issueBudget: { usd: 10 },
      egress: ['example.com'],
      routes: { ollama: routes.ollama, anthropic: routes.anthropic },
    });
    expect(plan.command({ prompt: 'Do it.', session: 's1' }).argv).toEqual([
      'pi',
      'model=opus-5',
      'turns=40',
      'session=s1',
      'llm=anthropic-messages http://127.0.0.1:3128/llm/anthropic',
      'mcp=http://127.0.0.1:3128/mcp',
      '--effort',
      'high',
    ]);
  });

  test('plans a bottle of the bot-bottle CLI without what that CLI brings itself', async () => {
    await write('bottles/theirs.md', '---\nbackend: bot-bottle\nengine: docker\n---\n');
    await write('agents/modelled.md', '---\nprovider: claude\n---\nYou are careful.\n');
    const plan = await open({}).plan('modelled', 'theirs', repository);
    expect(plan).toMatchObject({
      provider: 'script',
      standingPrompt: 'You are careful.',
      environment: {},
      routes: {},
      sandbox: { cli: { engine: 'docker', bottles: [] } },
    });
    expect(await open().sandboxOf('theirs')).toEqual(plan.sandbox);
  });

  test('refuses a budget that nobody could keep in a bottle of the bot-bottle CLI', async () => {
    await write('bottles/theirs.md', '---\nbackend: bot-bottle\n---\n');
    const limited = '---\nprovider: claude\nbudget: { run: { tokens: 5 } }\n---\n';
    await write('agents/modelled.md', limited);
    await expect(open({}).plan('modelled', 'theirs', repository)).rejects.toThrow(
      /agents\/modelled\.md:\d+: budget\.run: cannot be kept/,
    );
  });

  test('takes the route whose protocol the program likes best, whatever the order of the bottle', async () => {
    await write('agents/writer.md', '---\nprovider: pi\n---\n');
    await write('bottles/net.md', '---\nllm: [anthropic, openai]\n---\n');
    const plan = await open().plan('writer', 'net', repository);
    expect(plan.command(run).argv).toContain(
      'llm=openai-responses http://127.0.0.1:3128/llm/openai',
    );
  });

  test.each([
    [routes, 'Add `llm: [anthropic]` to bottles/net.md.'],
    [
      { ollama: routes.ollama },
      'give it ANTHROPIC_API_KEY, or add [llm_routes.<name>] with protocol',
    ],
  ])('refuses a model provider in a bottle without a route for it: %#', async (configured, fix) => {
    await write('agents/writer.md', '---\nprovider: pi\n---\n');
    await write('bottles/net.md', '---\nllm: [ollama]\n---\n');
    const planned = open(configured).plan('writer', 'net', repository);
    await expect(planned).rejects.toThrow(LaunchRefusedError);
    await expect(planned).rejects.toThrow('the bottle net has no route that does');
    await expect(planned).rejects.toThrow(fix);
  });

  test.each([
    [
      'a model whose price is not known',
      'model: haiku',
      'the price of haiku is not known. Add [llm_routes.anthropic.prices."haiku"]',
    ],
    ['no model', '', 'cannot be kept without `model`'],
  ])('refuses a budget in US dollars with %s', async (_, model, message) => {
    await write(
      'agents/writer.md',
      `---\nprovider: pi\nbudget: {issue: {usd: 1}}\n${model}\n---\n`,
    );
    await write('bottles/net.md', '---\nllm: [anthropic]\n---\n');
    const planned = open().plan('writer', 'net', repository);
    await expect(planned).rejects.toThrow(LaunchRefusedError);
    await expect(planned).rejects.toThrow(`agents/writer.md:3: budget.issue.usd: cannot be kept`);
    await expect(planned).rejects.toThrow(message);
  });

  test('plans a budget in tokens whatever is known of prices', async () => {
    await write('agents/writer.md', '---\nprovider: pi\nbudget: {run: {tokens: 5}}\n---\n');
    await write('bottles/net.md', '---\nllm: [openai]\n---\n');
    expect((await open().plan('writer', 'net', repository)).runBudget).toEqual({ tokens: 5 });
  });

  test('tells the texts that a plan was made of by their digest', async () => {
    const digest = async () => (await open().plan('demo', 'small', repository)).digest;
    const first = await digest();
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    await write('bottles/other.md', '---\npids: 64\n---\n');
    expect(await digest()).toBe(first);
    const changed = new Set([first]);
    await write('agents/demo.md', `${agent} `);
    changed.add(await digest());
    await write('bottles/base.md', '---\npids: 64\n---\n');
    await write('bottles/small.md', bottle.replace('memory', 'extends: base\nmemory'));
    changed.add(await digest());
    await write('bottles/base.md', '---\npids: 64\n---\nFor people.');
    changed.add(await digest());
    expect(changed.size).toBe(4);
  });

  test('sees a manifest that is mended at once', async () => {
    const catalogue = open();
    await write('agents/demo.md', 'broken');
    expect([...(await catalogue.names(repository)).agents.keys()]).toEqual([]);
    expect(problems).toHaveLength(1);
    await expect(catalogue.plan('demo', 'small', repository)).rejects.toThrow(
      /agents\/demo\.md:1: must begin/,
    );
    await write('agents/demo.md', agent);
    expect([...(await catalogue.names(repository)).agents.keys()]).toEqual(['demo']);
    await catalogue.plan('demo', 'small', repository);
  });

  test('refuses what is gone in a way that no retry mends', async () => {
    await expect(open().plan('demo', 'large', repository)).rejects.toThrow(LaunchRefusedError);
    await expect(open().plan('nobody', 'small', repository)).rejects.toThrow(
      'agents/nobody.md is gone',
    );
  });

  test('knows each bottle’s backend', async () => {
    await write('bottles/image.md', '---\nbackend: docker\n---\n');
    await write('bottles/derived.md', '---\nextends: image\n---\n');
    await write('bottles/plain.md', '---\n---\n');
    expect(await open().backendOf('plain')).toBe('local');
    expect(await open(routes, 'docker').backendOf('plain')).toBe('docker');
    expect(await open().backendOf('derived')).toBe('docker');
  });
});

describe('an agent of a repository', () => {
  const theirs = agent.replace('node, /opt/bottle/demo-agent.mjs', 'make, work');

  test('is known beside those of this machine, in bottles of this machine', async () => {
    alice.write('.bot-bottle/agents/builder.md', theirs);
    alice.write('.bot-bottle/agents/notes.txt', 'not a manifest');
    const { agents } = await open().names(repository);
    expect([...agents.keys()]).toEqual(['demo', 'builder']);
    const plan = await open().plan('builder', 'small', repository);
    expect(plan.command(run).argv).toEqual(['make', 'work']);
    expect(plan.environment).toEqual({ MODE: 'demo' });
    expect(problems).toEqual([]);
  });

  test('never takes the place of one of this machine, not even of a broken one', async () => {
    alice.write('.bot-bottle/agents/demo.md', theirs);
    const plan = await open().plan('demo', 'small', repository);
    expect(plan.command(run).argv).toEqual(['node', '/opt/bottle/demo-agent.mjs']);
    await write('agents/demo.md', 'broken');
    expect([...(await open().names(repository)).agents.keys()]).toEqual([]);
    await expect(open().plan('demo', 'small', repository)).rejects.toThrow(/must begin with YAML/);
  });

  test('comes without bottles of its own', async () => {
    alice.write('.bot-bottle/bottles/wide.md', '---\negress: [example.com]\n---\n');
    alice.write('.bot-bottle/agents/builder.md', theirs.replace('small', 'wide'));
    expect((await open().names(repository)).bottles).toEqual(new Set(['small']));
    expect(problems).toEqual([
      '.bot-bottle/agents/builder.md:3: bottle: there is no usable bottles/wide.md',
    ]);
    await expect(open().plan('builder', 'wide', repository)).rejects.toThrow(LaunchRefusedError);
  });

  test.each([
    ['egress: ["example.com"]', ':5: egress: is not a key'],
    ['environment: {A: b}', ':5: environment: is not a key'],
  ])('cannot widen its bottle with %s', async (line, message) => {
    alice.write('.bot-bottle/agents/builder.md', theirs.replace('\n---\n\n', `\n${line}\n---\n\n`));
    expect([...(await open().names(repository)).agents.keys()]).toEqual(['demo']);
    expect(problems).toEqual([
      expect.stringContaining(`acme/widgets: .bot-bottle/agents/builder.md${message}`),
    ]);
  });

  test.each([
    ['a link', (path: string) => alice.link(path), 'must be a file'],
    ['300 KB', (path: string) => alice.write(path, 'x'.repeat(300_000)), 'must be at most 256 KiB'],
    ['no UTF-8', (path: string) => alice.write(path, Buffer.from([0xff, 0xfe])), 'must be UTF-8'],
  ])('that is %s is a problem', async (_, make, message) => {
    make('.bot-bottle/agents/builder.md');
    expect([...(await open().names(repository)).agents.keys()]).toEqual(['demo']);
    expect(problems).toEqual([expect.stringContaining(`builder.md: ${message}`)]);
    await expect(open().plan('builder', 'small', repository)).rejects.toThrow(message);
  });

  test('counts among the first 50', async () => {
    for (let index = 10; index < 61; index++) {
      alice.write(`.bot-bottle/agents/builder-${index}.md`, theirs);
    }
    expect((await open().names(repository)).agents.size).toBe(51);
    expect(problems).toEqual([expect.stringContaining('builder-60.md: a repository may have 50')]);
  });

  test('is asked for again when the forge does not answer, and one of this machine needs no forge', async () => {
    const away = new ForgeUnavailableError('the line is dead');
    forge.failNext('listDirectory', away);
    await expect(open().names(repository)).rejects.toBe(away);
    forge.failNext('listDirectory', away);
    await open().plan('demo', 'small', repository);
    await expect(open().plan('builder', 'small', repository)).rejects.toBe(away);
  });
});
