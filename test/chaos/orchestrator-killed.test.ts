import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { publishes, saysThatItRuns, succeeds } from '../support/agents.ts';
import { until } from '../support/until.ts';
import { openIssue, type WorldIssue } from '../support/world-issue.ts';
import { leftovers, type Place, startWorld, type World } from '../support/world.ts';

const kills = 20;
/** Of the moments. Give it again to see the same ones: what they meet still depends on the machine. */
const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** How many people work on issues at once, each on one after the other. */
const people = 5;
/** For a step of a story: where the machine is slow each kill meets the same step again, and its retries come later and later. */
const stepMs = 300_000;
/** After so many nobody begins another one: the last kills meet what goes on. */
const killsUntilLastStory = 17;

let world: World;

// Each try in a world of its own: all of its traces are counted.
beforeEach(async () => {
  world = await startWorld({
    agents: {
      // Slow enough to be met in the middle; its comments are counted below.
      worker: `set -e${saysThatItRuns}
        sleep 1
        forge post-comment --body "run $(wc -l < "$HOME/starts") begins"
        sleep 1${publishes}${succeeds}`,
    },
    environment: { MAX_BOTTLES: '6' },
    patientForge: true,
  });
});
afterEach(async () => {
  await world?.[Symbol.asyncDispose]();
});

test(
  `killed at ${kills} moments (CHAOS_SEED=${seed}), every story ends as if nothing had happened`,
  { timeout: 600_000 },
  async () => {
    console.log(`CHAOS_SEED=${seed}`);
    const stories: WorldIssue[] = [];
    const over = new AbortController();
    const killed = killAtMoments(momentsOf(seed), (kill) => {
      if (kill >= killsUntilLastStory) over.abort();
    }).catch((error: unknown) => {
      over.abort();
      throw error;
    });
    await Promise.all([
      killed,
      ...Array.from({ length: people }, async (_, person) => {
        // A repository each: merging is for one at a time.
        const place = await world.repository();
        await delay(person * 700);
        do {
          stories.push(await liveOneStory(place));
        } while (!over.signal.aborted);
      }),
    ]);

    for (const story of stories) {
      await expectOneOfEach(story);
    }
    const slugs = await readdir(join(world.dataDirectory, 'archive'));
    expect(slugs.length).toBe(stories.length);
    expect(await leftovers(world, slugs)).toEqual([]);
    console.log(`${stories.length} stories survived ${kills} kills`);
  },
);

async function liveOneStory(place: Place): Promise<WorldIssue> {
  const story = await openIssue(world, place, 'worker');
  const pullRequest = await story.worked(1, stepMs);
  await story.alice.comment(pullRequest, `once more, #${story.number}`);
  await story.worked(2, stepMs);
  await story.alice.merge(pullRequest);
  await story.reaches('destroyed', 2, stepMs);
  return story;
}

async function expectOneOfEach(story: WorldIssue): Promise<void> {
  const { runs, life } = await until('the view', () => story.view());
  expect(life).toBe(1);
  expect(runs.map(({ run, outcome, exitCode }) => ({ run, outcome, exitCode }))).toEqual([
    { run: 1, outcome: 'done', exitCode: 0 },
    { run: 2, outcome: 'done', exitCode: 0 },
  ]);
  expect(await story.pullRequests()).toMatchObject([{ merged: true }]);
  // The agent's own and nothing else: no failure to tell, and nothing twice.
  const comments = await story.comments();
  expect(comments.map(({ body }) => body.split('\n')[0])).toEqual(['run 1 begins', 'run 2 begins']);
  const operations = await story.operations();
  for (const run of [1, 2]) {
    expect(await story.output(run)).toMatch(new RegExp(`^start ${run}\\n`));
    expect((await story.output(run)).match(/^start/gm)).toHaveLength(1);
    const recorded = operations.filter((operation) => operation.run === run);
    expect(recorded.map(({ sequence }) => sequence)).toEqual(recorded.map((_, i) => i + 1));
    const written = (await story.journal(run)).filter(({ type }) => type === 'operation');
    expect(recorded).toHaveLength(written.length);
    expect(recorded.map(({ outcome }) => outcome)).not.toContain('error');
  }
  expect((await story.prompt(2)).match(/once more/g)).toHaveLength(1);
}

/** What can be seen of the stories from outside. A moment comes some milliseconds after one of these, or after a start. */
const events = [
  'claimed',
  'agent-starting',
  'agent-started',
  'operation-started',
  'pull-request',
  'done',
  'ended',
  'tombstone',
  'archived',
  'handled',
  'healthy',
  'started',
] as const;

interface Moment {
  readonly event: (typeof events)[number];
  readonly afterMs: number;
}

/** Every event at least once, in an order of the seed's. */
function momentsOf(seeded: number): Moment[] {
  const random = randomOf(seeded);
  return Array.from({ length: kills }, (_, i) => ({
    event: events[i % events.length] ?? 'started',
    order: random(),
    // Events follow each other closely; a start is followed by seconds in which anything may happen.
    afterMs: Math.floor(random() ** 2 * (i % events.length < 10 ? 300 : 4_000)),
  })).toSorted((a, b) => a.order - b.order);
}

async function killAtMoments(
  moments: readonly Moment[],
  onKill: (kill: number) => void,
): Promise<void> {
  const { orchestrator } = world;
  const began = Date.now();
  for (const [index, { event, afterMs }] of moments.entries()) {
    const before = await traces();
    const met =
      event === 'started' ||
      (event === 'healthy'
        ? await orchestrator.answers('/healthz').then(() => true)
        : await until(event, async () => hasNew(event, before, await traces()), 4_000).catch(
            () => false,
          ));
    await delay(afterMs);
    await orchestrator.kill();
    onKill(index + 1);
    const at = Math.round((Date.now() - began) / 1000);
    console.log(`kill ${index + 1} at ${at} s: ${afterMs} ms after ${met ? event : `no ${event}`}`);
    orchestrator.spawn();
    await orchestrator.answers(index % 2 === 0 ? '/healthz' : '/readyz');
  }
}

/** Everything that happened so far, as far as the disk shows: `<event> <bottle> <run>` → how often. */
async function traces(): Promise<Map<string, number>> {
  const { dataDirectory } = world;
  const found = new Map<string, number>();
  const see = (trace: string): void => void found.set(trace, (found.get(trace) ?? 0) + 1);
  const list = (path: string): Promise<string[]> => readdir(path).catch(() => []);
  // A delivery: what it begins in its workflow follows at once.
  const log = await readFile(world.orchestrator.logFile, 'utf8');
  found.set('handled ', log.split('"delivery handled"').length - 1);
  for (const slug of await list(join(dataDirectory, 'state', 'destroyed'))) {
    see(`tombstone ${slug}`);
  }
  for (const slug of await list(join(dataDirectory, 'archive'))) {
    see(`archived ${slug}`);
  }
  for (const slug of await list(join(dataDirectory, 'state', 'bottles'))) {
    const runs = join(dataDirectory, 'state', 'bottles', slug, 'runs');
    for (const run of await list(runs)) {
      const journal = await readFile(join(runs, run, 'journal.ndjson'), 'utf8').catch(() => '');
      for (const [, type] of journal.matchAll(/^\{"type":"([a-z-]+)"/gm)) {
        see(`${type} ${slug} ${run}`);
      }
    }
  }
  return found;
}

function hasNew(event: string, before: Map<string, number>, now: Map<string, number>): boolean {
  return [...now].some(
    ([trace, count]) => trace.startsWith(`${event} `) && count > (before.get(trace) ?? 0),
  );
}

/** Mulberry32. */
function randomOf(seeded: number): () => number {
  let state = seeded;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
