import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { callGitea } from '../../src/demo/gitea-client.ts';
import { publishes, saysThatItRuns, succeeds } from '../support/agents.ts';
import { until } from '../support/until.ts';
import { openIssue, WorldIssue } from '../support/world-issue.ts';
import { type Place, startWorld, supervisors, type World } from '../support/world.ts';

/** What happens on the forge while nobody is told: the webhook is gone, and the orchestrator is off. */
let world: World;
let place: Place;

const minutes = 60_000;

const worker = `set -e${saysThatItRuns}
  if [ ! -f lines.txt ]; then printf 'one\\ntwo\\nthree\\n' > lines.txt; fi
  ${publishes}${succeeds}`;

const turns = z.object({
  turns: z.array(
    z.object({
      beganAt: z.string(),
      requests: z.number(),
      lookedAt: z.number(),
      found: z.record(z.string(), z.number()),
      problem: z.string().nullable(),
    }),
  ),
});

beforeAll(async () => {
  world = await startWorld({
    agents: {
      worker,
      endless: `${saysThatItRuns}
        while :; do echo "still here"; sleep 0.5; done`,
    },
    environment: { MAX_BOTTLES: '10', RECONCILE_INTERVAL: '15s' },
    persistent: true,
  });
  place = await world.repository();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

test(
  'webhook deleted, the orchestrator off, killed in the middle of looking: all is found, and none twice',
  { timeout: 8 * minutes },
  async () => {
    const [talked, merged, reopened, held] = [
      await openIssue(world, place, 'worker'),
      await openIssue(world, place, 'worker'),
      await openIssue(world, place, 'worker'),
      await openIssue(world, place, 'endless'),
    ];
    const talkedPull = await talked.worked(1);
    const mergedPull = await merged.worked(1);
    const reopenedPull = await reopened.worked(1);
    await reopened.alice.close(reopenedPull);
    await reopened.reaches('destroyed');
    await held.reaches('running', 1);
    await inboxIsEmpty();

    // All webhooks came: there is nothing to find.
    await restart();
    expect((await turnsSoFar())[0]).toMatchObject({ found: {}, problem: null });
    // A turn may have been quicker than a webhook until now.
    const quicker = (await foundSoFar()).length;

    await world.orchestrator.kill();
    await deleteWebhooks(place);
    const { alice } = place;
    await alice.comment(talkedPull, 'a test, please');
    await alice.review(talkedPull, {
      verdict: 'commented',
      body: 'Two things.',
      inline: [{ path: 'lines.txt', line: 2, body: 'make it 2' }],
    });
    await alice.comment(talked.number, 'and a changelog');
    await alice.merge(mergedPull);
    await alice.close(reopened.number);
    await alice.reopen(reopened.number);
    await alice.setLabels(held.number, []);
    const fresh = await openIssue(world, place, 'worker');
    const untouched = await alice.openIssue({ title: 'Not for agents' });

    const startedAt = Date.now();
    const kills = await killInTheMiddle();
    await world.orchestrator.start();
    const second = await talked.reaches('frozen', 2);
    await merged.reaches('destroyed');
    await until('the second life', async () => (await reopened.view())?.life === 2);
    await reopened.reaches('frozen', 1);
    expect(await held.reaches('frozen', 1)).toMatchObject({ runs: [{ outcome: 'cancelled' }] });
    await fresh.reaches('frozen', 1);
    expect(Date.now() - startedAt).toBeLessThan(5 * minutes);
    expect(kills).toBeGreaterThan(0);

    expect(second.runs).toMatchObject([
      { outcome: 'done' },
      { outcome: 'done', cause: '3 comments by alice' },
    ]);
    const prompt = await talked.prompt(2);
    for (const text of ['a test, please', 'Two things.', 'make it 2', 'and a changelog']) {
      expect(prompt.split(text), text).toHaveLength(2);
    }
    expect(await new WorldIssue(world, place, untouched).view()).toBeUndefined();
    const found = await foundSoFar(quicker);
    expect(found.toSorted()).toEqual(
      [
        `comment created ${talked.number}`,
        `comment created ${talked.number}`,
        `issue labelled ${held.number}`,
        `issue opened ${fresh.number}`,
        `issue reopened ${reopened.number}`,
        `pull_request closed ${merged.number}`,
        `review commented ${talked.number}`,
      ].toSorted(),
    );

    // Further turns find nothing more, and nothing runs again.
    await restart();
    await restart();
    await inboxIsEmpty();
    expect(await foundSoFar(quicker)).toEqual(found);
    expect(await supervisors(world.dataDirectory)).toEqual([]);
    for (const [issue, runs] of [
      [talked, 2],
      [merged, 1],
      [held, 1],
      [fresh, 1],
    ] as const) {
      expect(await issue.view(), `#${issue.number}`).toMatchObject({ life: 1, run: runs });
    }
    for (const { requests, problem } of await turnsSoFar()) {
      expect(requests).toBeGreaterThan(0);
      expect(problem).toBeNull();
    }
  },
);

test('without a webhook a comment is found by the next turn, while all goes on', async () => {
  const other = await world.repository();
  const issue = await openIssue(world, other, 'worker');
  const pull = await issue.worked(1);
  await deleteWebhooks(other);
  await issue.alice.comment(pull, 'a test, please');
  await issue.worked(2);
  expect(await issue.prompt(2)).toContain('a test, please');
  await issue.alice.merge(pull);
  await issue.reaches('destroyed');
});

/** Starts the orchestrator anew, and waits until it has taken a turn. */
async function restart(): Promise<void> {
  await world.orchestrator.stop();
  const stoppedAt = Date.now();
  await world.orchestrator.start();
  await until('a turn', async () => {
    const [last] = await turnsSoFar();
    return last !== undefined && Date.parse(last.beganAt) >= stoppedAt;
  });
}

/** Kills the orchestrator in the middle of a turn, as often as it can be met there. Gives how often that was. */
async function killInTheMiddle(): Promise<number> {
  let kills = 0;
  for (let wanted = 1; wanted <= 3; wanted++) {
    world.orchestrator.spawn();
    await world.orchestrator.answers('/healthz');
    const taken = (await turnsSoFar()).length;
    const alreadyFound = (await foundSoFar()).length;
    await until('something found', async () => {
      const over = (await turnsSoFar()).length > taken;
      return over || (await foundSoFar()).length > alreadyFound;
    });
    await world.orchestrator.kill();
    world.orchestrator.spawn();
    await world.orchestrator.answers('/healthz');
    const met = (await turnsSoFar()).length === taken;
    await world.orchestrator.kill();
    if (!met) {
      break;
    }
    kills++;
  }
  console.log(`killed in the middle of ${kills} turns`);
  return kills;
}

/** `<event> <issue>`, the oldest first, without the first `but`. */
async function foundSoFar(but = 0): Promise<string[]> {
  return (await world.deliveries())
    .filter(({ source }) => source === 'reconcile')
    .toReversed()
    .slice(but)
    .map(({ event, orderKey }) => `${event} ${orderKey.split('/')[1]}`);
}

/** The newest first. */
async function turnsSoFar(): Promise<z.infer<typeof turns>['turns']> {
  return turns.parse(await world.ask('/reconcile?limit=1000')).turns;
}

async function inboxIsEmpty(): Promise<void> {
  await until(
    'the inbox to be empty',
    async () => (await world.deliveries('waiting')).length === 0,
  );
}

async function deleteWebhooks({ repository: { owner, name } }: Place): Promise<void> {
  const { alice } = world.gitea;
  const hooks = z
    .array(z.object({ id: z.number() }))
    .parse(await callGitea(alice, 'GET', `/repos/${owner}/${name}/hooks`));
  for (const { id } of hooks) {
    await callGitea(alice, 'DELETE', `/repos/${owner}/${name}/hooks/${id}`);
  }
}
