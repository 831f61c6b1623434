import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { demoTurn } from '../../src/demo/model-script.ts';
import { type Conversation, type NextTurn, refusals } from '../../src/demo/model-turn.ts';
import { agentCliNames } from '../../tools/agent-clis.ts';
import { dockerStage } from '../support/docker.ts';
import { huntFiles, sessionsOf } from '../support/key-hunt.ts';
import {
  metered,
  type ModelAgent,
  type ModelWorld,
  price,
  startModelWorld,
  tokensOfTurn,
} from '../support/model-world.ts';
import { openIssue, type WorldIssue } from '../support/world-issue.ts';
import { leftovers, program, type World } from '../support/world.ts';

/** The real programs of the agents, with models that follow a script. */
const run = promisify(execFile);
const stage = await dockerStage();
const bottles = stage === undefined ? (['local'] as const) : (['local', 'docker'] as const);
const cases = bottles.flatMap((bottle) => agentCliNames.map((cli) => ({ cli, bottle })));
/** Nobody knows what its model costs. */
const unpriced = 'codex-local';

/** In three answers each is used up. */
const budgets = {
  claude: { run: { tokens: 3000 } },
  codex: { issue: { tokens: 3000 } },
  pi: { issue: { usd: 0.012 } },
};

let stand: ModelWorld;
let world: World;

beforeAll(async () => {
  const agents: Record<string, ModelAgent> = {};
  for (const { cli, bottle } of cases) {
    const name = `${cli}-${bottle}`;
    agents[name] = { cli, bottle, model: metered(demoTurn), priced: name !== unpriced };
  }
  for (const cli of agentCliNames) {
    const budget = budgets[cli];
    agents[`spender-${cli}`] = {
      cli,
      bottle: 'local',
      model: metered(unlessResumed({ run: 'echo a step' })),
      keys: { budget },
    };
    agents[`limited-${cli}`] = {
      cli,
      bottle: 'local',
      model: unlessResumed({ fail: refusals.rateLimited }),
    };
  }
  stand = await startModelWorld({ agents, docker: stage });
  ({ world } = stand);
});
afterAll(async () => {
  await stand?.[Symbol.asyncDispose]();
  await stage?.[Symbol.asyncDispose]();
});

/** Gives one turn again and again, and in a further run says that it is done. */
function unlessResumed(turn: ReturnType<NextTurn>): NextTurn {
  return ({ steps }) => {
    const resumed = steps.findLastIndex(
      (step) => step.kind === 'prompt' && step.text.includes('# How to go on'),
    );
    if (resumed === -1) return turn;
    return steps.slice(resumed).some(({ kind }) => kind === 'result')
      ? { say: 'I went on.' }
      : { run: 'forge signal-done success "went on"' };
  };
}

const asked = (model: string) =>
  stand.conversations.filter((conversation) => conversation.model === model);

/** `orchestrator show`, as a person types it. */
async function show({ ref }: WorldIssue): Promise<string> {
  const name = `${ref.repository.owner}/${ref.repository.name}#${ref.number}`;
  const token = join(world.dataDirectory, 'api-token');
  const options = ['--url', world.orchestrator.url, '--token-file', token];
  const { stdout } = await run(process.execPath, [program, 'show', name, ...options], {
    env: {},
  });
  return stdout;
}

describe.concurrent('a real agent', () => {
  test.for(cases)(
    '$cli in a $bottle bottle makes a pull request of an issue, goes on with its conversation, and is destroyed on merge',
    { timeout: 180_000 },
    async ({ cli, bottle }, { expect }) => {
      const agent = `${cli}-${bottle}`;
      const place = await world.repository();
      const issue = await openIssue(world, place, agent, {
        title: 'A greeting',
        body: 'Please create hello.txt with "Hello, world".',
      });
      const pullRequest = await issue.worked(1, 120_000);
      const { slug, backend } = await issue.reaches('frozen', 1);
      expect(backend).toBe(bottle);
      expect(await issue.output(1)).toContain('$ git push --quiet origin HEAD\n');
      const results = asked(agent)
        .at(-1)
        ?.steps.filter(({ kind }) => kind === 'result');
      expect(results?.length).toBeGreaterThanOrEqual(6);

      await issue.alice.comment(pullRequest, 'append "and good night" to hello.txt');
      const { runs, usage } = await issue.reaches('frozen', 2, 120_000);
      const { steps } = asked(agent).at(-1) as Conversation;
      // The second prompt does not repeat the issue: that the model knows it is the conversation's doing.
      const told = steps
        .filter(({ kind }) => kind === 'prompt')
        .map((step) => JSON.stringify(step));
      const first = told.findIndex((text) => text.includes('Please create hello.txt'));
      const second = told.findIndex((text) => text.includes('and good night'));
      expect(first).toBeGreaterThanOrEqual(0);
      expect(second).toBeGreaterThan(first);
      expect(told[second]).not.toContain('Please create hello.txt');
      const [session, ...further] = sessionsOf(world.dataDirectory, slug);
      expect(session).toMatch(/^[\w-]{20,}$/);
      expect(further).toEqual([session]);

      expect(runs).toHaveLength(2);
      for (const one of runs) {
        expect(one).toMatchObject({ provider: cli, model: agent, outcome: 'done', exitCode: 0 });
        expect(one.turns).toEqual(cli === 'codex' ? null : expect.any(Number));
        const { requests = 0, inputTokens = 0, outputTokens = 0, costUsd } = one.usage ?? {};
        expect(requests).toBeGreaterThan(3);
        expect(inputTokens).toBeGreaterThanOrEqual(requests * tokensOfTurn.input);
        const cost = (inputTokens * price.input + outputTokens * price.output) / 1e6;
        expect(costUsd).toEqual(agent === unpriced ? null : expect.closeTo(cost, 6));
      }
      expect(usage?.requests).toBe(runs.reduce((sum, one) => sum + (one.usage?.requests ?? 0), 0));
      const cost = agent === unpriced ? 'unknown' : '\\$0\\.\\d\\d';
      expect(await show(issue)).toMatch(new RegExp(`^ *1 +${cli} ${agent} .*${cost}`, 'm'));

      const { dataDirectory } = world;
      expect(await huntFiles(stand.key, join(dataDirectory, 'state', 'bottles', slug))).toEqual([]);
      await issue.alice.merge(pullRequest);
      await issue.reaches('destroyed', 2);
      expect(await fileOnMain(place.repository.cloneUrl, 'hello.txt')).toBe(
        'Hello, world\nand good night\n',
      );
      const left = await leftovers(world, [slug]);
      expect(left.filter((line) => line.includes(slug))).toEqual([]);
    },
  );

  test.for(agentCliNames)(
    '%s stops at its budget, which is told, and goes on when it is raised',
    { timeout: 120_000 },
    async (cli, { expect }) => {
      const agent = `spender-${cli}`;
      const issue = await openIssue(world, await world.repository(), agent);
      const frozen = await issue.reaches('frozen', 1, 90_000);
      expect(frozen.runs).toMatchObject([{ outcome: 'budget', usage: { requests: 3 } }]);
      const report = await issue.report();
      expect(report.body).toMatch(/the budget is used up.*(3000 tokens|\$0\.012)/);
      expect(report.body).toContain('Raise the budget');
      expect(await show(issue)).toMatch(
        {
          claude: /^ *1 +claude .*110% of 3k tokens/m,
          codex: /110% of 3k tokens for the issue/,
          pi: /112% of \$0\.012 for the issue/,
        }[cli],
      );

      await stand.change(agent, {
        budget: { run: { tokens: 500_000 }, issue: { tokens: 500_000, usd: 10 } },
      });
      await issue.command('resume');
      const { runs } = await issue.reaches('frozen', 2, 90_000);
      expect(runs[1]).toMatchObject({
        outcome: 'done',
        budget: { run: { tokens: 500_000 }, issue: { tokens: 500_000, usd: 10 } },
      });
    },
  );

  test.for(agentCliNames)(
    "%s is parked at its provider's limit, and resumes when it is told to",
    { timeout: 120_000 },
    async (cli, { expect }) => {
      const issue = await openIssue(world, await world.repository(), `limited-${cli}`);
      const parked = await issue.reaches('parked', 1, 90_000);
      const { runs, parkedUntil } = parked;
      expect(runs).toMatchObject([{ outcome: 'parked', parkedUntil }]);
      const minutes = (Date.parse(parkedUntil ?? '') - Date.now()) / 60_000;
      expect(minutes).toBeGreaterThan(55);
      expect(minutes).toBeLessThanOrEqual(60);
      const report = await issue.report();
      expect(report.body).toMatch(/limit is reached[^]*It goes on by itself at/);

      await issue.command('resume');
      expect((await issue.reaches('frozen', 2, 90_000)).runs[1]).toMatchObject({ outcome: 'done' });
    },
  );
});

/** From a fresh clone. */
async function fileOnMain(cloneUrl: string, path: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'clone-'));
  try {
    await run('git', ['clone', '-q', cloneUrl, directory]);
    return await readFile(join(directory, path), 'utf8');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
