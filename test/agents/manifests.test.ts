import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { providers } from '../../src/agents/providers.ts';
import { loadManifests } from '../../src/agents/manifests.ts';
import type { RunContext } from '../../src/agents/provider.ts';

const known = { providers, routes: {} };

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

const load = () => loadManifests(directory, known);

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
    const { agents, bottles, problems } = await load();
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
    expect(bottles.get('small')).toMatchObject({
      backend: undefined,
      environment: { MODE: 'demo' },
      limits: { memoryBytes: 512 * 1024 * 1024, cpus: 1.5, pids: 256 },
    });
  });

  test('may have line ends of Windows, a byte order mark and no body', async () => {
    await write('bottles/small.md', '\uFEFF---\r\nbackend: local\r\n---');
    expect((await load()).bottles.get('small')).toMatchObject({
      backend: 'local',
      environment: {},
      limits: { memoryBytes: 4 * 1024 ** 3, pids: 1024 },
    });
  });

  test('of a bottle without limits have those that keep a wild agent from taking the host', async () => {
    await write('bottles/small.md', '---\nbackend: local\n---\n');
    expect((await load()).bottles.get('small')?.limits).toEqual({
      memoryBytes: 4 * 1024 ** 3,
      pids: 1024,
    });
  });

  test('of a directory that is not there are none', async () => {
    const { agents, bottles, problems } = await loadManifests(join(directory, 'nowhere'), known);
    expect([agents.size, bottles.size, problems.length]).toEqual([0, 0, 0]);
  });

  test.each([
    ['bottle', 'memory: 2g', { memoryBytes: 2 * 1024 ** 3 }],
    ['bottle', 'memory: 1048576', { memoryBytes: 1048576 }],
    ['bottle', 'memory: 64K', { memoryBytes: 65536 }],
  ])('%s %s is understood', async (_, line, limits) => {
    await write('bottles/small.md', `---\n${line}\n---\n`);
    expect((await load()).bottles.get('small')?.limits).toMatchObject(limits);
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
    [
      'no time',
      'agents',
      agent.replace('bottle: small', 'time: 0'),
      ':3: time: must be more than 0',
    ],
    [
      'a time in words',
      'agents',
      agent.replace('bottle: small', 'time: long'),
      ':3: time: must be a',
    ],
    [
      'a budget of 0',
      'agents',
      agent.replace('bottle: small', 'budget:\n  run:\n    usd: 0'),
      ':5: budget.run.usd: must be more than 0: leave the key out for no limit',
    ],
    [
      'a budget of half a token',
      'agents',
      agent.replace('bottle: small', 'budget: {issue: {tokens: 0.5}}'),
      ':3: budget.issue.tokens: must be a whole number',
    ],
    [
      'a budget of nobody',
      'agents',
      agent.replace('bottle: small', 'budget: {life: {usd: 1}}'),
      ':3: budget.life: is not a key',
    ],
    [
      'a key that only other providers have',
      'agents',
      agent.replace('bottle: small', 'model: opus-5'),
      ':3: model: is not a key',
    ],
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
    const { agents, bottles, problems } = await load();
    expect([agents.size, bottles.size]).toEqual([0, 0]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ name: 'broken', error: { name: 'ConfigError' } });
    expect(problems[0]?.error.message).toContain(`${folder}/broken.md${message}`);
  });

  test.each([
    ['Demo.md', agent, 'must be kebab-case'],
    ['de mo.md', agent, 'must be kebab-case'],
    ['demo.md', `${agent}${'x'.repeat(1_000_000)}`, 'must be at most 256 KiB'],
    ['demo.md', Buffer.from([0xff, 0xfe, 0x00]), 'must be UTF-8 text'],
  ])('a file %s is a problem: %#', async (name, text, message) => {
    await write(`agents/${name}`, text);
    const { agents, problems } = await load();
    expect(agents.size).toBe(0);
    expect(problems[0]?.error.message).toContain(message);
  });

  test('that lead out of their directory are not followed', async () => {
    await write('secret.md', agent);
    await write('agents/real.md', agent);
    await symlink(join(directory, 'secret.md'), join(directory, 'agents/out.md'));
    await symlink('real.md', join(directory, 'agents/alias.md'));
    await symlink('nowhere.md', join(directory, 'agents/gone.md'));
    const { agents, problems } = await load();
    expect([...agents.keys()]).toEqual(['alias', 'real']);
    const told = problems.map(({ error }) => error.message);
    expect(told).toContain('agents/out.md: must be a file of this directory, not a link out of it');
    expect(told).toContainEqual(expect.stringContaining('agents/gone.md: ENOENT'));
  });

  test('with a mistake do not take the others down', async () => {
    await write('agents/demo.md', agent);
    await write('agents/other.md', 'broken');
    await write('bottles/small.md', bottle);
    await mkdir(join(directory, 'bottles', 'folder.md'));
    const { agents, bottles, problems } = await load();
    expect([[...agents.keys()], [...bottles.keys()]]).toEqual([['demo'], ['small']]);
    expect(problems.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'agent other',
      'bottle folder',
    ]);
  });

  test('an agent whose bottle is not there is a problem, and still an agent', async () => {
    await write('agents/demo.md', agent);
    const { agents, problems } = await load();
    expect(agents.has('demo')).toBe(true);
    expect(problems[0]?.error.message).toBe(
      'agents/demo.md:3: bottle: there is no usable bottles/small.md',
    );
  });
});
