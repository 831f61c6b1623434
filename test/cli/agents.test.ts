import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from './orchestrator.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'agents-'));
  mkdirSync(join(data, 'agents'));
  mkdirSync(join(data, 'bottles'));
  write('bottles/base.md', '---\nmemory: 512m\nenvironment: {MODE: demo}\n---\n');
  write('bottles/small.md', '---\nextends: base\negress: [example.com]\nllm: [openai]\n---\n');
  write(
    'agents/demo.md',
    '---\nprovider: script\nbottle: small\ncommand: [sh, -c, echo "it\'s"]\ntime: 30m\nbudget: {run: {tokens: 500}}\n---\nYou are careful.\n',
  );
});
afterEach(() => {
  rmSync(data, { recursive: true });
});

function write(file: string, text: string): void {
  writeFileSync(join(data, file), text);
}

/** Without a server, a token of the forge, or anything else that an orchestrator needs. */
function agents(...args: string[]) {
  return run(['agents', ...args], { ORCHESTRATOR_DATA_DIR: data, OPENAI_API_KEY: 'sk-hunter2' });
}

describe('agents list', () => {
  test('prints the agents', async () => {
    write('agents/idle.md', '---\nprovider: script\ncommand: [sleep, "1"]\n---\n');
    expect(await agents('list')).toMatchObject({
      code: 0,
      stderr: '',
      stdout:
        'AGENT  PROVIDER  MODEL  BOTTLE\ndemo   script    -      small\nidle   script    -      -\n',
    });
  });

  test('--json has the same for programs', async () => {
    expect(JSON.parse((await agents('list', '--json')).stdout)).toEqual({
      agents: [{ name: 'demo', provider: 'script', model: null, bottle: 'small' }],
      problems: 0,
    });
  });

  test('counts the problems, and says where agents lie when there are none', async () => {
    write('agents/demo.md', 'broken');
    const { code, stdout } = await agents('list');
    expect(code).toBe(0);
    expect(stdout).toBe(
      `No agents. One is a file ${data}/agents/<name>.md.\n\none problem: \`orchestrator agents validate\`\n`,
    );
  });
});

describe('agents show', () => {
  test('prints all that a run would be started with, and no key', async () => {
    const { code, stdout, stderr } = await agents('show', 'demo');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const line of [
      /^demo$/m,
      /^provider +script$/m,
      /^bottle +small \(local where that works, else docker\)$/m,
      /^limits +memory 512m, pids 1024$/m,
      /^time +30m$/m,
      /^budget +500 tokens for each run$/m,
      /^egress +example\.com$/m,
      /^llm +openai \(openai-responses, https:\/\/api\.openai\.com\/v1\)$/m,
      /^environment +MODE=demo BOTTLE_PROMPT=\/run\/prompt\.md$/m,
      /^command +sh -c 'echo "it'\\''s"'$/m,
      /^manifests +agents\/demo\.md, bottles\/small\.md, bottles\/base\.md$/m,
      /^digest +[0-9a-f]{64}$/m,
      /^You are careful\.$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toContain('hunter2');
  });

  test('--json has it whole, for another bottle if one is named', async () => {
    const { stdout } = await agents('show', 'demo', '--bottle', 'base', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      agent: 'demo',
      bottle: 'base',
      backend: null,
      provider: 'script',
      argv: ['sh', '-c', 'echo "it\'s"'],
      limits: { memoryBytes: 512 * 1024 ** 2, pids: 1024 },
      routes: {},
      timeLimitMs: 1_800_000,
      runBudget: { tokens: 500 },
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('of what is not there is 3, and of what is broken 1', async () => {
    expect(await agents('show', 'nobody')).toMatchObject({
      code: 3,
      stderr: 'error: There is no agent nobody. Known: demo.\n',
    });
    expect(await agents('show', 'demo', '--bottle', 'large')).toMatchObject({
      code: 3,
      stderr: 'error: There is no bottle large. Known: base, small.\n',
    });
    write('agents/demo.md', '---\nprovider: magic\n---\n');
    expect(await agents('show', 'demo')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: agents\/demo\.md:2: provider: must be the name/),
    });
  });

  test('asks for a bottle where the agent names none', async () => {
    write('agents/idle.md', '---\nprovider: script\ncommand: [sleep, "1"]\n---\n');
    expect(await agents('show', 'idle')).toMatchObject({
      code: 2,
      stderr: 'error: The agent idle names no bottle: give --bottle <name>.\n',
    });
  });
});

describe('agents validate', () => {
  test('says that all is well', async () => {
    expect(await agents('validate')).toMatchObject({
      code: 0,
      stdout: 'one agent and 2 bottles, no problem.\n',
    });
  });

  test('prints every problem with its file, line and key, and is 4', async () => {
    write('agents/demo.md', '---\nprovider: script\nbottle: gone\ncommand: [sh]\n---\n');
    write('agents/other.md', '---\nprovider: script\ncomand: [sh]\n---\n');
    write(
      'agents/spender.md',
      '---\nprovider: script\nbottle: small\ncommand: [sh]\nbudget: {run: {usd: 1}}\n---\n',
    );
    write('bottles/loop.md', '---\nextends: loop\n---\n');
    write('bottles/wild.md', '---\nllm: [grok]\n---\n');
    const { code, stdout, stderr } = await agents('validate');
    expect(code).toBe(4);
    expect(stdout.trimEnd().split('\n')).toEqual([
      'agents/other.md:3: comand: is not a key of this manifest',
      'bottles/wild.md:2: llm.0: there is no route grok; known routes: openai',
      'bottles/loop.md:2: extends: must be another bottle, not itself',
      'agents/demo.md:3: bottle: there is no usable bottles/gone.md',
      'agents/spender.md:5: budget.run.usd: cannot be kept: which model script uses is not known. Give `tokens` instead.',
    ]);
    expect(stderr).toBe(`error: 5 problems in ${data}.\n`);
  });

  test('--json tells them to programs', async () => {
    write('bottles/loop.md', '---\nextends: loop\n---\n');
    const { code, stdout } = await agents('validate', '--json');
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toEqual({
      problems: [
        {
          kind: 'bottle',
          name: 'loop',
          message: 'bottles/loop.md:2: extends: must be another bottle, not itself',
        },
      ],
      warnings: [],
    });
  });

  test('warns of what changes nothing, and is 0', async () => {
    write('bottles/full.md', '---\nextends: base\ndisk: 1g\n---\n');
    for (const provider of ['claude', 'codex', 'pi']) {
      write(`agents/${provider}.md`, `---\nprovider: ${provider}\nturns: 20\n---\n`);
    }
    const warnings = [
      'agents/codex.md:3: turns: changes nothing: codex keeps no such limit',
      'agents/pi.md:3: turns: changes nothing: pi keeps no such limit',
      'bottles/full.md:3: disk: changes nothing: no backend keeps such a limit',
    ];
    const { code, stdout } = await agents('validate');
    expect({ code, lines: stdout.trimEnd().split('\n') }).toEqual({
      code: 0,
      lines: [
        ...warnings.map((message) => `warning: ${message}`),
        '4 agents and 3 bottles, no problem, 3 warnings.',
      ],
    });
    const { stdout: json } = await agents('validate', '--json');
    expect(JSON.parse(json)).toEqual({
      problems: [],
      warnings: [
        { kind: 'agent', name: 'codex', message: warnings[0] },
        { kind: 'agent', name: 'pi', message: warnings[1] },
        { kind: 'bottle', name: 'full', message: warnings[2] },
      ],
    });
  });
});

test.each([['list'], ['show'], ['validate']])('agents %s --help has examples', async (command) => {
  const { code, stdout } = await agents(command, '--help');
  expect(code).toBe(0);
  expect(stdout).toContain(`orchestrator agents ${command}`);
  expect(stdout).toMatch(/Examples:/);
  expect(stdout).toContain('--config <file>');
});

test('agents with a word that is no command is 2', async () => {
  expect(await agents('lst')).toMatchObject({ code: 2, stderr: expect.stringContaining('lst') });
});
