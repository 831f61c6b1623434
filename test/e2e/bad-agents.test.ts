import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Failure, refusals } from '../../src/demo/model-turn.ts';
import {
  frontMatter,
  type ModelAgent,
  type ModelWorld,
  startModelWorld,
} from '../support/model-world.ts';
import { openIssue } from '../support/world-issue.ts';
import type { World } from '../support/world.ts';

/** What people are told when an agent's program, its model or its manifest is not as it should be. */
let stand: ModelWorld;
let world: World;
let tools: string;

const failing = (cli: ModelAgent['cli'], fail: Failure): ModelAgent => ({
  cli,
  bottle: 'impatient',
  model: () => ({ fail }),
});

/** Programs that call themselves `claude`: each in a tool, and a bottle, of its own. */
const impostors = {
  mute: 'exec sleep 3600',
  garbled: String.raw`
    printf '{"type":"assistant","message":{"id":"1","content":[{"type":"text","text":"caf\351"}]}}\n'
    printf '\377\376\200 no event \000 \360\237\n'
    printf '{"type":"result","is_error":true,"result":"it broke: \377\355\240\200"}\n'`,
};

beforeAll(async () => {
  tools = await mkdtemp(join(tmpdir(), 'impostors-'));
  await chmod(tools, 0o755);
  const bottles: Record<string, string> = {};
  const agents: Record<string, ModelAgent> = {
    missing: { cli: 'codex', bottle: 'bare', model: () => ({ say: 'Nobody asks me.' }) },
    'exits-with-0': failing('pi', {
      status: 400,
      type: 'invalid_request_error',
      message: 'this model has retired',
    }),
    hang: failing('claude', 'hang'),
    html: failing('claude', 'html'),
    'cut-short': failing('claude', 'cut-short'),
    overloaded: failing('claude', refusals.overloaded),
    unauthorized: failing('codex', refusals.unauthorized),
  };
  for (const [name, script] of Object.entries(impostors)) {
    await mkdir(join(tools, name, 'bin'), { recursive: true });
    await writeFile(join(tools, name, 'bin/claude'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const keys = { backend: 'local', tools: [join(tools, name)], llm: ['anthropic'] };
    bottles[`bottles/${name}.md`] = frontMatter(keys);
    agents[name] = { cli: 'claude', bottle: name, model: () => ({ say: 'Nobody asks me.' }) };
  }
  stand = await startModelWorld({
    agents,
    environment: { FORGE_WATCHDOG_TIMEOUT: '15' },
    files: {
      ...bottles,
      'bottles/impatient.md': frontMatter({
        extends: 'local',
        environment: { CLAUDE_CODE_MAX_RETRIES: '1' },
      }),
      'agents/poor.md': frontMatter({
        provider: 'claude',
        bottle: 'local',
        budget: { run: { tokens: 0 } },
      }),
    },
  });
  ({ world } = stand);
});
afterAll(async () => {
  await stand?.[Symbol.asyncDispose]();
  await rm(tools, { recursive: true, force: true });
});

describe.concurrent('people are told', () => {
  test('that the program of the agent is missing in its bottle, and where to put it', async ({
    expect,
  }) => {
    const issue = await openIssue(world, await world.repository(), 'missing');
    const { body } = await issue.report();
    expect(body).toMatch(/not found \(exit code 127\)[^]*`tools` of the bottle's manifest/);
    expect(await issue.output(1)).toMatch(/codex.*No such file/);
    expect(stand.conversations.filter(({ model }) => model === 'missing')).toEqual([]);
  });

  test('that a program failed which exits with 0', async ({ expect }) => {
    const issue = await openIssue(world, await world.repository(), 'exits-with-0');
    const { runs } = await issue.reaches('frozen', 1);
    expect(runs).toMatchObject([{ outcome: 'exited', exitCode: 0, failed: true }]);
    const { body } = await issue.report();
    expect(body).toMatch(/the agent's program failed[^]*this model has retired/);
  });

  test.for<[agent: string, told: RegExp]>([
    ['html', /not a model server's base URL/],
    ['cut-short', /something that is not JSON/],
    ['overloaded', /Overloaded/],
    ['unauthorized', /does not accept the route's key \(401\)/],
  ])('what is wrong with a model server: %s', async ([agent, told], { expect }) => {
    const issue = await openIssue(world, await world.repository(), agent);
    const { runs } = await issue.reaches('frozen', 1);
    expect(runs).toMatchObject([{ outcome: 'exited', failed: true }]);
    expect((await issue.report()).body).toMatch(told);
  });

  test.for([
    ['a program that never says a word', 'mute'],
    ['a model server that never answers', 'hang'],
  ] as const)('by the watchdog of %s', async ([, agent], { expect }) => {
    const issue = await openIssue(world, await world.repository(), agent);
    expect(await issue.reaches('frozen', 1)).toMatchObject({ outcome: 'watchdog' });
    expect((await issue.report()).body).toContain('silent for too long');
  });

  test('the words of a program whose output is no valid UTF-8', async ({ expect }) => {
    const issue = await openIssue(world, await world.repository(), 'garbled');
    const { runs } = await issue.reaches('frozen', 1);
    expect(runs).toMatchObject([{ outcome: 'exited', exitCode: 0, failed: true }]);
    expect(runs[0]?.message).toMatch(/^caf/);
    expect((await issue.report()).body).toContain('it broke');
    expect(await issue.output(1)).toContain('no event');
  });

  test('how to find out what is wrong with a manifest that has a budget of 0', async ({
    expect,
  }) => {
    const issue = await openIssue(world, await world.repository(), 'poor');
    expect((await issue.report()).body).toContain('orchestrator agents validate');
    expect(stand.conversations.filter(({ model }) => model === 'poor')).toEqual([]);
  });
});
