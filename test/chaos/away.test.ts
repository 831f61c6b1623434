import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publishes, saysThatItRuns, succeeds, worker } from '../support/agents.ts';
import { until } from '../support/until.ts';
import { openIssue } from '../support/world-issue.ts';
import { type Place, startWorld, supervisors, type World } from '../support/world.ts';

/** What happens while Temporal or the orchestrator is away, on a host with a single place. */
let world: World;
let place: Place;

const watchdogMs = 6_000;

/** Works until a comment tells it to end. */
const patient = `${saysThatItRuns}
  until forge read-comments | grep -q "finish now"; do sleep 0.3; done
  ${publishes}${succeeds}`;

beforeAll(async () => {
  world = await startWorld({
    agents: {
      worker,
      patient,
      // Done for itself, with nobody to ask.
      slow: `${saysThatItRuns}
        sleep 4${publishes}${succeeds}`,
    },
    environment: { MAX_BOTTLES: '1', FORGE_WATCHDOG_TIMEOUT: String(watchdogMs / 1000) },
    persistent: true,
  });
  place = await world.repository();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

test('with one place a second issue waits, also across a kill, and starts when the first is frozen', async () => {
  const first = await openIssue(world, place, 'patient');
  await first.reaches('running', 1);
  const second = await openIssue(world, place, 'worker');
  await second.reaches('queued', 0);
  await second.alice.comment(second.number, 'think of the tests');
  await until('the comment', async () => {
    const view = await second.view();
    return view?.workflow.state === 'open' && view.workflow.unreadComments === 1;
  });
  await world.orchestrator.kill();
  await world.orchestrator.start();
  expect(await supervisors(world.dataDirectory)).toHaveLength(1);
  expect(await second.view()).toMatchObject({ phase: 'queued', run: 0 });

  await first.alice.comment(first.number, 'finish now');
  // Its comment came while it ran: a second run reads it, in turn after the issue that waits.
  const frozen = await second.reaches('frozen', 1);
  expect(frozen.runs).toMatchObject([{ outcome: 'done' }]);
  expect(await second.prompt(1)).toContain('think of the tests');
  expect(await second.output(1)).toContain('start 1\n');
  const again = await first.reaches('frozen', 2);
  expect(again.runs[0]).toMatchObject({ outcome: 'done' });
  expect(again.runs[1]).toMatchObject({ outcome: 'done', cause: 'comment by alice' });
});

test('deliveries are taken while Temporal is away, and reach their workflow in order when it is back', async () => {
  const issue = await openIssue(world, place, 'worker');
  const number = await issue.worked(1);
  await world.temporal.kill();
  for (const text of ['one', 'two', 'three']) {
    await issue.alice.comment(number, text);
  }
  // One that begins a workflow.
  const other = await openIssue(world, place, 'worker');
  await until('the deliveries', async () => {
    const found = await world.deliveries('waiting');
    const comments = found.filter(({ event }) => event === 'comment created');
    return comments.length === 3 && found.length > comments.length;
  });
  expect((await fetch(`${world.orchestrator.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${world.orchestrator.url}/readyz`)).status).toBe(503);
  await world.temporal.restart();
  const second = await issue.reaches('frozen', 2);
  expect(second.runs[1]).toMatchObject({ outcome: 'done', cause: '3 comments by alice' });
  const prompt = await issue.prompt(2);
  const order = ['one', 'two', 'three'].map((text) => prompt.indexOf(`\n${text}\n`));
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  expect(order).not.toContain(-1);
  await other.reaches('frozen', 1);
  expect(await world.deliveries('waiting')).toEqual([]);
});

test('a run goes on while the orchestrator is stopped, and the next one attaches to it', async () => {
  const issue = await openIssue(world, place, 'patient');
  await issue.reaches('running', 1);
  await issue.printed(1, /start 1/);
  const before = await supervisors(world.dataDirectory);
  await world.orchestrator.stop();
  expect(await supervisors(world.dataDirectory)).toEqual(before);
  await world.orchestrator.start();
  expect(await supervisors(world.dataDirectory)).toEqual(before);
  await issue.alice.comment(issue.number, 'finish now');
  const frozen = await issue.reaches('frozen', 2);
  expect(frozen.runs).toMatchObject([{ outcome: 'done' }, { outcome: 'done' }]);
  expect((await issue.output(1)).match(/^start/gm)).toHaveLength(1);
});

test('a run that ends while the orchestrator is stopped has the outcome that its journal says', async () => {
  const issue = await openIssue(world, place, 'slow');
  const { slug } = await issue.reaches('running', 1);
  await world.orchestrator.stop();
  await until(
    'the run to end',
    async () => (await supervisors(world.dataDirectory, slug)).length === 0,
  );
  // The watchdog's timer is due when the orchestrator is back.
  await delay(watchdogMs);
  await world.orchestrator.start();
  const frozen = await issue.reaches('frozen', 1);
  expect(frozen.runs).toMatchObject([{ outcome: 'done', watchdogFired: false, exitCode: 0 }]);
  expect(frozen.pullRequest).not.toBeNull();
  const operations = await issue.operations();
  expect(operations.map(({ sequence }) => sequence)).toEqual(operations.map((_, i) => i + 1));
  expect(operations.at(-1)?.operation).toBe('signal_done');
  expect(await issue.reports()).toEqual([]);
});
