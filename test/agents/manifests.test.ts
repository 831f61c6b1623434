import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManifestCatalogue } from '../../src/agents/manifest-catalogue.ts';
import { loadManifests } from '../../src/agents/manifests.ts';
import type { RunContext } from '../../src/agents/provider.ts';
import { LaunchRefusedError } from '../../src/domain/errors.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'manifests-'));
  await mkdir(join(directory, 'agents'));
  await mkdir(join(directory, 'bottles'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const write = (file: string, text: string | Buffer): Promise<void> =>
  writeFile(join(directory, file), text);

const agent = `---
provider: script
bottle: small
command: [node, /opt/bottle/demo-agent.mjs]
---

You are careful.
`;
const bottle = `---
memory: 512m
cpus: 1.5
pids: 256
environment:
  MODE: demo
---
A small one.
`;

const context: RunContext = {
  prompt: 'Do it.',
  promptFile: '/run/prompt.md',
  model: undefined,
  extraArguments: [],
  session: undefined,
  turnLimit: undefined,
  llm: undefined,
  mcpUrl: 'http://127.0.0.1:3128/mcp',
};

describe('manifests', () => {
  test('are read from agents/ and bottles/, named by their files', async () => {
    await write('agents/demo.md', agent);
    await write('bottles/small.md', bottle);
    await write('agents/notes.txt', 'not a manifest');
    await write('agents/.demo.md.swp', 'not a manifest');
    const { agents, bottles, problems } = await loadManifests(directory);
    expect(problems).toEqual([]);
    expect([...agents.keys()]).toEqual(['demo']);
    expect(agents.get('demo')).toMatchObject({
      bottle: 'small',
      standingPrompt: 'You are careful.',
    });
    expect(agents.get('demo')?.command(context)).toEqual({
      argv: ['node', '/opt/bottle/demo-agent.mjs'],
      environment: { BOTTLE_PROMPT: '/run/prompt.md' },
      files: {},
    });
    expect(bottles.get('small')).toEqual({
      backend: 'local',
      environment: { MODE: 'demo' },
      limits: { memoryBytes: 512 * 1024 * 1024, cpus: 1.5, pids: 256 },
    });
  });

  test('may have line ends of Windows, a byte order mark and no body', async () => {
    await write('bottles/small.md', '\uFEFF---\r\nbackend: local\r\n---');
    expect((await loadManifests(directory)).bottles.get('small')).toEqual({
      backend: 'local',
      environment: {},
      limits: { memoryBytes: 4 * 1024 ** 3, pids: 1024 },
    });
  });

  test('of a bottle without limits have those that keep a wild agent from taking the host', async () => {
    await write('bottles/small.md', '---\nbackend: local\n---\n');
    expect((await loadManifests(directory)).bottles.get('small')?.limits).toEqual({
      memoryBytes: 4 * 1024 ** 3,
      pids: 1024,
    });
  });

  test('of a directory that is not there are none', async () => {
    const { agents, bottles, problems } = await loadManifests(join(directory, 'nowhere'));
    expect([agents.size, bottles.size, problems.length]).toEqual([0, 0, 0]);
  });

  test.each([
    ['bottle', 'memory: 2g', { memoryBytes: 2 * 1024 ** 3 }],
    ['bottle', 'memory: 1048576', { memoryBytes: 1048576 }],
    ['bottle', 'memory: 64K', { memoryBytes: 65536 }],
  ])('%s %s is understood', async (_, line, limits) => {
    await write('bottles/small.md', `---\n${line}\n---\n`);
    expect((await loadManifests(directory)).bottles.get('small')?.limits).toMatchObject(limits);
  });

  test.each([
    ['an unknown key', 'agents', agent.replace('bottle:', 'botle:'), ':3: botle: is not a key'],
    ['a missing key', 'agents', '---\nprovider: script\n---\n', ':2: command: must be a list'],
    [
      'an unknown provider',
      'agents',
      agent.replace('script', 'magic'),
      ':2: provider: must be the name of a provider: script',
    ],
    [
      'a command that is a line of shell',
      'agents',
      agent.replace(/command: .*/, 'command: node x'),
      ':4: command: must be a list of words',
    ],
    [
      'a number in a command',
      'agents',
      agent.replace(/command: .*/, 'command:\n  - node\n  - 7'),
      ':6: command.1: must be text: quote it',
    ],
    [
      'a bottle by path',
      'agents',
      agent.replace('small', '../../etc/passwd'),
      ':3: bottle: must be a name in kebab-case',
    ],
    ['no front matter', 'agents', 'Just a prompt.', ':1: must begin with YAML'],
    ['a front matter without an end', 'agents', '---\nprovider: script\n', ':1: must begin'],
    ['an empty front matter', 'agents', '---\n---\n', ':2: provider: must be the name'],
    ['a front matter that is a list', 'agents', '---\n- a\n---\n', ':2: must be keys'],
    ['a key twice', 'agents', '---\nprovider: script\nprovider: x\n---\n', ':3: Map keys must be'],
    ['broken YAML', 'agents', '---\na: [1\nb: 2\n---\n', ':3: '],
    ['a memory without a unit we know', 'bottles', '---\nmemory: 1T\n---\n', ':2: memory: must be'],
    ['less memory than none', 'bottles', '---\nmemory: -1\n---\n', ':2: memory: must be'],
    ['no cpus', 'bottles', '---\ncpus: 0\n---\n', ':2: cpus: must be more than 0'],
    ['too few pids', 'bottles', '---\npids: 1\n---\n', ':2: pids: must be at least 16'],
    [
      'a number as a variable',
      'bottles',
      '---\nenvironment:\n  A: x\n  B: 7\n---\n',
      ':4: environment.B: must be text: quote it',
    ],
    [
      'a variable that is none',
      'bottles',
      '---\nenvironment:\n  "A=B": x\n---\n',
      ':3: environment.A=B: is not the name of a variable',
    ],
    ['an unknown backend', 'bottles', '---\nbackend: vm\n---\n', ':2: backend: must be the name'],
    [
      'a bomb of aliases',
      'bottles',
      `---\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n---\n`,
      ':1: Excessive alias count',
    ],
  ])('with %s names the file, the line and the key', async (_, folder, text, message) => {
    await write(`${folder}/broken.md`, text);
    const { agents, bottles, problems } = await loadManifests(directory);
    expect([agents.size, bottles.size]).toEqual([0, 0]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ name: 'broken', error: { name: 'ConfigError' } });
    expect(problems[0]?.error.message).toContain(`${folder}/broken.md${message}`);
  });

  test.each([
    ['Demo.md', agent, 'must be kebab-case'],
    ['de mo.md', agent, 'must be kebab-case'],
    ['demo.md', `${agent}${'x'.repeat(300_000)}`, 'must be at most 256 KiB'],
    ['demo.md', Buffer.from([0xff, 0xfe, 0x00]), 'must be UTF-8 text'],
  ])('a file %s is a problem: %#', async (name, text, message) => {
    await write(`agents/${name}`, text);
    const { agents, problems } = await loadManifests(directory);
    expect(agents.size).toBe(0);
    expect(problems[0]?.error.message).toContain(message);
  });

  test('with a mistake do not take the others down', async () => {
    await write('agents/demo.md', agent);
    await write('agents/other.md', 'broken');
    await write('bottles/small.md', bottle);
    await mkdir(join(directory, 'bottles', 'folder.md'));
    const { agents, bottles, problems } = await loadManifests(directory);
    expect([[...agents.keys()], [...bottles.keys()]]).toEqual([['demo'], ['small']]);
    expect(problems.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'agent other',
      'bottle folder',
    ]);
  });

  test('an agent whose bottle is not there is a problem, and still an agent', async () => {
    await write('agents/demo.md', agent);
    const { agents, problems } = await loadManifests(directory);
    expect(agents.has('demo')).toBe(true);
    expect(problems[0]?.error.message).toBe(
      'agents/demo.md: bottle: there is no usable bottles/small.md',
    );
  });
});

describe('the catalogue of manifests', () => {
  const problems: string[] = [];
  const open = () =>
    createManifestCatalogue({
      directory,
      promptFile: '/run/prompt.md',
      doorUrl: 'http://127.0.0.1:3128',
      onProblem: ({ error }) => problems.push(error.message),
    });
  beforeEach(async () => {
    problems.length = 0;
    await write('agents/demo.md', agent);
    await write('bottles/small.md', bottle);
  });

  test('plans a launch from an agent and a bottle', async () => {
    const plan = await open().plan('demo', 'small');
    expect(plan).toMatchObject({
      provider: 'script',
      standingPrompt: 'You are careful.',
      environment: { MODE: 'demo' },
    });
    expect(await open().sandboxOf('small')).toEqual({
      limits: { memoryBytes: 512 * 1024 * 1024, cpus: 1.5, pids: 256 },
    });
    expect(plan.command({ prompt: 'Do it.', session: undefined })).toEqual({
      argv: ['node', '/opt/bottle/demo-agent.mjs'],
      environment: { BOTTLE_PROMPT: '/run/prompt.md' },
      files: {},
    });
  });

  test('sees a manifest that is mended at once', async () => {
    const catalogue = open();
    await write('agents/demo.md', 'broken');
    expect([...(await catalogue.names()).agents.keys()]).toEqual([]);
    expect(problems).toHaveLength(1);
    await expect(catalogue.plan('demo', 'small')).rejects.toThrow(/agents\/demo\.md:1: must begin/);
    await write('agents/demo.md', agent);
    expect([...(await catalogue.names()).agents.keys()]).toEqual(['demo']);
    await catalogue.plan('demo', 'small');
  });

  test('refuses what is gone in a way that no retry mends', async () => {
    await expect(open().plan('demo', 'large')).rejects.toThrow(LaunchRefusedError);
    await expect(open().plan('nobody', 'small')).rejects.toThrow('agents/nobody.md is gone');
  });

  test('knows each bottle’s backend', async () => {
    expect(await open().backendOf('small')).toBe('local');
    expect([...(await open().names()).bottles]).toEqual(['small']);
  });
});
