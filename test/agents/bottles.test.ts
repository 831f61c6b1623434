import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadManifests, type Manifests } from '../../src/agents/manifests.ts';
import { providers } from '../../src/agents/providers.ts';
import { routes } from './llm-routes.ts';

let root: string;
let directory: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'bottles-')));
  directory = join(root, 'data');
  await mkdir(join(directory, 'bottles'), { recursive: true });
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** The front matter of some bottles, by name. */
async function load(bottles: Readonly<Record<string, string>>): Promise<Manifests> {
  for (const [name, text] of Object.entries(bottles)) {
    await writeFile(join(directory, 'bottles', `${name}.md`), `---\n${text}\n---\n`);
  }
  return await loadManifests(directory, { providers, routes });
}

async function problems(bottles: Readonly<Record<string, string>>): Promise<string[]> {
  return (await load(bottles)).problems.map(({ error }) => error.message);
}

describe('a bottle', () => {
  test('may say all this', async () => {
    const tool = join(root, 'go');
    await mkdir(tool);
    const { bottles } = await load({
      whole: `
backend: docker
image: registry.example.com:5000/team/agents:1.2
egress: [Example.com, "*.example.org", registry.npmjs.org:8443]
memory: 512m
cpus: 1.5
pids: 256
disk: 10g
environment: {MODE: demo}
tools: [${tool}]
llm: [ollama, anthropic]`,
    });
    expect(bottles.get('whole')).toMatchObject({
      backend: 'docker',
      image: 'registry.example.com:5000/team/agents:1.2',
      egress: ['example.com', '*.example.org', 'registry.npmjs.org:8443'],
      limits: { memoryBytes: 512 * 1024 ** 2, cpus: 1.5, pids: 256, diskBytes: 10 * 1024 ** 3 },
      environment: { MODE: 'demo' },
      tools: [tool],
      llm: ['ollama', 'anthropic'],
    });
  });

  test.each([
    'debian',
    'debian:13-slim',
    'ghcr.io/acme/agents',
    'localhost:5000/a/b__c:v1',
    `acme/agents@sha256:${'0a'.repeat(32)}`,
    `acme/agents:1@sha256:${'0a'.repeat(32)}`,
  ])('may have the image %s', async (image) => {
    expect(await problems({ one: `backend: docker\nimage: ${image}` })).toEqual([]);
  });

  test.each([
    ['image: "Debian"', ':3: image: must name an image'],
    ['image: "debian;id"', ':3: image: must name an image'],
    ['image: "--privileged"', ':3: image: must name an image'],
    ['image: "a@sha256:12"', ':3: image: must name an image'],
    [`image: "${'a/'.repeat(300)}a"`, ':3: image: is longer than any'],
    ['egress: example.com', ':3: egress: must be a list of hosts'],
    ['egress: ["*"]', ':3: egress.0: must be a host'],
    ['egress: ["*.com"]', ':3: egress.0: is too wide'],
    ['egress:\n  - example.com\n  - "a.*.com"', ':5: egress.1: must be a host'],
    ['egress: [https://example.com]', ':3: egress.0: must be a host'],
    ['egress: ["example.com:0"]', ':3: egress.0: must be a host'],
    ['egress: ["example.com:65536"]', ':3: egress.0: must be a host'],
    ['egress: ["10.0.0.1"]', ':3: egress.0: must be a name'],
    ['egress: ["0x7f000001"]', ':3: egress.0: must be a name'],
    ['egress: ["[::1]:443"]', ':3: egress.0: must be a host'],
    ['egress: ["a..b"]', ':3: egress.0: must be a host'],
    ['egress: [*.example.com]', ':3: "*.example.com" needs quotes'],
    ['disk: 1T', ':3: disk: must be bytes'],
    ['llm: anthropic', ':3: llm: must be a list of routes'],
    [
      'llm: [anthropic, grok]',
      ':3: llm.1: there is no route grok; known routes: anthropic, openai, ollama',
    ],
    ['llm: [constructor]', ':3: llm.0: there is no route constructor'],
    ['tools: [bin/go]', ':3: tools.0: must be an absolute path'],
    ['tools: [/opt/../etc]', ':3: tools.0: must be an absolute path'],
    ['extends: ../base', ':3: extends: must be a name'],
  ])('with %s names the file, the line and the key', async (line, message) => {
    const [problem, ...others] = await problems({ broken: `backend: docker\n${line}` });
    expect(others).toEqual([]);
    expect(problem).toContain(`bottles/broken.md${message}`);
  });

  test('says how a route comes to be when there is none', async () => {
    await writeFile(join(directory, 'bottles/one.md'), '---\nllm: [anthropic]\n---\n');
    const { problems } = await loadManifests(directory, { providers, routes: {} });
    expect(problems[0]?.error.message).toMatch(/give the orchestrator ANTHROPIC_API_KEY/);
  });

  test.each(['local', 'bot-bottle'])('of the backend %s has no image', async (backend) => {
    expect(await problems({ one: `image: debian\nbackend: ${backend}` })).toEqual([
      'bottles/one.md:2: image: only bottles of the backend docker have an image, which is debian here',
    ]);
  });
});

describe('a bottle of the bot-bottle CLI', () => {
  test('says which engine it has and what it is made of', async () => {
    const { bottles, problems } = await load({
      plain: 'backend: bot-bottle',
      own: 'extends: plain\nengine: smolmachines\nbottles: [dev, claude]',
    });
    expect(problems).toEqual([]);
    expect(bottles.get('plain')?.cli).toEqual({ bottles: [] });
    expect(bottles.get('own')?.cli).toEqual({ bottles: ['dev', 'claude'], engine: 'smolmachines' });
  });

  test.each([
    ['engine: podman', 'engine: must be the name of an engine'],
    ['bottles: dev', 'bottles: must be a list of names'],
  ])('cannot have %s', async (line, message) => {
    const [problem] = await problems({ one: `backend: bot-bottle\n${line}` });
    expect(problem).toContain(`bottles/one.md:3: ${message}`);
  });

  test.each(['egress: [example.com]', 'pids: 100', 'environment: { A: b }', 'llm: [anthropic]'])(
    'has nothing that its CLI says: %s',
    async (line) => {
      const [key] = line.split(':');
      const problem = `bottles of the backend bot-bottle have no ${key} here: the manifests of that CLI say it`;
      expect(await problems({ one: `backend: bot-bottle\n${line}` })).toEqual([
        `bottles/one.md:3: ${key}: ${problem}`,
      ]);
    },
  );

  test.each(['engine: docker', 'bottles: [dev]'])('alone has %s', async (line) => {
    const [key] = line.split(':');
    expect(await problems({ one: `backend: docker\n${line}` })).toEqual([
      `bottles/one.md:3: ${key}: only bottles of the backend bot-bottle have ${key}`,
    ]);
  });
});

describe('a bottle that extends another', () => {
  test('has its keys, where it says nothing itself', async () => {
    const { bottles, problems } = await load({
      base: `
backend: docker
image: debian
memory: 1g
egress: [a.example, b.example]
environment: {A: base, B: base}
llm: [openai]`,
      small: `
extends: base
memory: 512m
egress: [b.example, c.example]
environment: {B: small, C: small}
llm: [anthropic, openai]`,
      smaller: 'extends: small\npids: 64',
    });
    expect(problems).toEqual([]);
    expect(bottles.get('smaller')).toMatchObject({
      backend: 'docker',
      image: 'debian',
      limits: { memoryBytes: 512 * 1024 ** 2, pids: 64 },
      egress: ['a.example', 'b.example', 'c.example'],
      environment: { A: 'base', B: 'small', C: 'small' },
      llm: ['openai', 'anthropic'],
    });
    expect(bottles.get('smaller')?.sources.map(({ file }) => file)).toEqual([
      'bottles/smaller.md',
      'bottles/small.md',
      'bottles/base.md',
    ]);
    expect(bottles.get('base')).toMatchObject({ environment: { A: 'base', B: 'base' } });
  });

  test.each([
    ['itself', { a: 'pids: 64\nextends: a' }, ['a.md:3: extends: must be another bottle']],
    [
      'one that extends it',
      { a: 'extends: b', b: 'extends: a' },
      [
        'a.md:2: extends: leads in a circle: a → b → a',
        'b.md:2: extends: leads in a circle: b → a → b',
      ],
    ],
    ['nothing', { a: 'extends: b' }, ['a.md:2: extends: there is no usable bottles/b.md']],
    [
      'one that is broken',
      { a: 'extends: b', b: 'pids: 1' },
      ['b.md:2: pids: must be at least 16', 'a.md:2: extends: there is no usable bottles/b.md'],
    ],
    [
      'one whose own is not there',
      { a: 'extends: b', b: 'extends: c' },
      [
        'b.md:2: extends: there is no usable bottles/c.md',
        'b.md:2: extends: there is no usable bottles/c.md',
      ],
    ],
    [
      'one with an image, and takes the backend away',
      { a: 'extends: b\nbackend: local', b: 'backend: docker\nimage: debian' },
      ['a.md:3: backend: only bottles of the backend docker have an image'],
    ],
  ])('cannot be %s', async (_, bottles, messages) => {
    const found = await problems(bottles);
    expect(found).toHaveLength(messages.length);
    for (const [index, message] of messages.entries()) {
      expect(found[index]).toContain(`bottles/${message}`);
    }
  });
});

describe('a tool', () => {
  test.each([
    ['a directory', 'go'],
    ['a file', 'bin/claude'],
  ])('may be %s', async (_, path) => {
    await mkdir(join(root, 'go'));
    await mkdir(join(root, 'bin'));
    await writeFile(join(root, 'bin/claude'), '');
    const { bottles } = await load({ one: `tools: [${join(root, path)}]` });
    expect(bottles.get('one')?.tools).toEqual([join(root, path)]);
  });

  test.each([
    ['what is not there', () => join(root, 'nowhere'), 'is not there'],
    ['the data directory', () => directory, "may not lie in the orchestrator's data directory"],
    ['what lies in it', () => join(directory, 'bottles'), "may not lie in the orchestrator's data"],
    ['what holds it', () => root, "may not lie in the orchestrator's data directory, nor hold it"],
    ['what is behind a link', () => join(root, 'link/go'), 'leads over a symbolic link: give '],
    ['a link', () => join(root, 'go-link'), 'leads over a symbolic link: give '],
    ['what lies where keys do', () => join(root, '.ssh/bin'), 'lies where programs keep keys'],
    ['a home directory', () => homedir(), 'holds a whole home directory'],
    ['a directory of the machine', () => '/etc/ssl', "is, or holds, the machine's own"],
    ['a socket', () => join(root, 'socket'), 'must be a file or a directory'],
  ])('may not be %s', async (_, path, message) => {
    await mkdir(join(root, 'real/go'), { recursive: true });
    await mkdir(join(root, '.ssh/bin'), { recursive: true });
    await symlink(join(root, 'real'), join(root, 'link'));
    await symlink(join(root, 'real/go'), join(root, 'go-link'));
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(join(root, 'socket'), resolve));
    const found = await problems({ one: `pids: 64\ntools:\n  - ${path()}` });
    server.close();
    expect(found).toEqual([expect.stringContaining(`bottles/one.md:4: tools.0: ${message}`)]);
  });

  test('has a name of its own', async () => {
    for (const path of ['one/bin', 'two/bin']) {
      await mkdir(join(root, path), { recursive: true });
    }
    const found = await problems({
      base: `tools: [${join(root, 'one/bin')}]`,
      one: `extends: base\ntools: [${join(root, 'two/bin')}]`,
    });
    expect(found).toEqual(['bottles/one.md:3: tools: two of them would be /opt/tools/bin']);
  });
});
