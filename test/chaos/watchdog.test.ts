import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishes, saysThatItRuns, succeeds } from '../support/agents.ts';
import { until } from '../support/until.ts';
import { openIssue, type WorldIssue } from '../support/world-issue.ts';
import { processesOf, type Place, startWorld, supervisors, type World } from '../support/world.ts';

let world: World;
let place: Place;

beforeAll(async () => {
  world = await startWorld({
    agents: {
      silent: `${saysThatItRuns}
        exec sleep 3600`,
      chatty: `${saysThatItRuns}
        for second in 1 2 3 4 5 6 7 8 9; do echo "still here"; sleep 1; done
        ${publishes}${succeeds}`,
      caller: `${saysThatItRuns}
        for second in 1 2 3 4 5 6 7 8 9; do forge read-issue > /dev/null; sleep 1; done
        ${publishes}${succeeds}`,
      endless: `${saysThatItRuns}
        while :; do echo "still here"; sleep 1; done`,
      quitter: `${saysThatItRuns}
        exit 3`,
      partial: `${saysThatItRuns}${publishes}
        forge signal-done partial "half of it, see @everyone"`,
      blocked: `${saysThatItRuns}
        forge signal-done blocked "which half?"`,
      nothing: `${saysThatItRuns}${succeeds}`,
      stubborn: `${saysThatItRuns}${publishes}${succeeds}
        trap '' TERM
        (trap '' TERM; while :; do sleep 1; done) &
        while :; do sleep 1; done`,
      // Dies with its supervisor in the first run, and shows in the second what it kept.
      survivor: `${saysThatItRuns}
        if [ "$(wc -l < "$HOME/starts")" = 1 ]; then
          echo precious > "$HOME/kept"; echo half > half.txt
          while :; do echo waiting; sleep 1; done
        fi
        echo "kept: $(cat "$HOME/kept") $(cat half.txt)"
        ${publishes}${succeeds}`,
    },
    environment: { FORGE_WATCHDOG_TIMEOUT: '5', RUN_DEADLINE: '25s', MAX_BOTTLES: '20' },
    persistent: true,
  });
  place = await world.repository();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** Exactly one report that matches, now and when all is quiet. */
async function expectOneReport(issue: WorldIssue, pattern: RegExp): Promise<void> {
  const [report] = await until('the report', async () => {
    const found = await issue.reports();
    return found.length > 0 ? found : undefined;
  });
  expect(report?.body).toMatch(pattern);
  expect(report?.body).toContain('orchestrator show');
  expect(report?.author).toBe('bot');
  await workflowIsQuiet(issue);
  expect(await issue.reports()).toHaveLength(1);
}

/** Nothing is under way in Temporal: what was to be posted is posted. */
async function workflowIsQuiet(issue: WorldIssue): Promise<void> {
  await until('nothing to be pending', async () => {
    const { raw } = await issue.workflow.describe();
    return (raw.pendingActivities ?? []).length === 0;
  });
}

async function printedStarts(issue: WorldIssue, run: number): Promise<number> {
  return (await issue.output(run)).match(/^start /gm)?.length ?? 0;
}

test('fires for a silent agent though Temporal and the orchestrator are killed during its wait', async () => {
  const issue = await openIssue(world, place, 'silent');
  await issue.reaches('running', 1);
  await Promise.all([world.orchestrator.kill(), world.temporal.kill()]);
  await world.temporal.restart();
  await world.orchestrator.start();
  const frozen = await issue.reaches('frozen', 1);
  expect(frozen.outcome).toBe('watchdog');
  expect(frozen.runs).toMatchObject([{ outcome: 'watchdog', watchdogFired: true }]);
  expect(await supervisors(world.dataDirectory, frozen.slug)).toEqual([]);
  expect(await printedStarts(issue, 1)).toBe(1);
  await expectOneReport(issue, /silent for too long/);
});

describe.concurrent('a run', () => {
  test('whose agent prints once a second is left alone', async () => {
    const issue = await openIssue(world, place, 'chatty');
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.runs).toMatchObject([{ outcome: 'done', watchdogFired: false }]);
    await workflowIsQuiet(issue);
    expect(await issue.reports()).toEqual([]);
  });

  test('whose agent only calls the sidecar is left alone', async () => {
    const issue = await openIssue(world, place, 'caller');
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.runs).toMatchObject([{ outcome: 'done', watchdogFired: false }]);
  });

  test('that is silent for too long is frozen, with nothing of it left running', async () => {
    const issue = await openIssue(world, place, 'silent');
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.outcome).toBe('watchdog');
    await expectOneReport(issue, /silent for too long/);
    const left = await processesOf(world.dataDirectory);
    expect(left.filter(({ command }) => command.includes(frozen.slug))).toEqual([]);
  });

  test('that talks for ever ends at its deadline', async () => {
    const issue = await openIssue(world, place, 'endless');
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.outcome).toBe('deadline');
    await expectOneReport(issue, /ran into its deadline/);
  });

  test('whose agent exits with 3 is told of once, with the code', async () => {
    const issue = await openIssue(world, place, 'quitter');
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.runs).toMatchObject([{ outcome: 'exited', exitCode: 3 }]);
    await expectOneReport(issue, /exited with code 3/);
  });

  test.for([
    ['partial', /did part of it[^]*```text\nhalf of it, see @everyone\n```/],
    ['blocked', /is blocked and needs a person[^]*which half\?/],
  ] as const)('whose agent reports %s is told of once', async ([agent, pattern]) => {
    const issue = await openIssue(world, place, agent);
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.runs).toMatchObject([{ outcome: 'done', done: { status: agent } }]);
    await expectOneReport(issue, pattern);
  });

  test('that succeeds without a pull request is told of once', async () => {
    const issue = await openIssue(world, place, 'nothing');
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.runs).toMatchObject([{ outcome: 'done', done: { status: 'success' } }]);
    await expectOneReport(issue, /there is no pull request/);
  });

  test('whose agent ignores TERM after signal_done is killed, and is done', async () => {
    const issue = await openIssue(world, place, 'stubborn');
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.runs).toMatchObject([{ outcome: 'done', done: { status: 'success' } }]);
    const left = await processesOf(world.dataDirectory);
    expect(left.filter(({ command }) => command.includes(frozen.slug))).toEqual([]);
    await workflowIsQuiet(issue);
    expect(await issue.reports()).toEqual([]);
  });

  test('whose supervisor is killed is lost, and goes on in the same bottle when asked to', async () => {
    const issue = await openIssue(world, place, 'survivor');
    await issue.printed(1, /waiting/);
    const { slug } = await issue.reaches('running', 1);
    for (const pid of await supervisors(world.dataDirectory, slug)) {
      process.kill(pid, 'SIGKILL');
    }
    const frozen = await issue.reaches('frozen', 1);
    expect(frozen.runs).toMatchObject([{ outcome: 'lost', watchdogFired: false }]);
    const left = await processesOf(world.dataDirectory);
    expect(left.filter(({ command }) => command.includes(slug))).toEqual([]);
    await expectOneReport(issue, /the run was lost/);
    await issue.command('retry');
    const second = await issue.reaches('frozen', 2);
    expect(second).toMatchObject({ slug, life: 1, outcome: 'done' });
    expect(await issue.output(2)).toContain('kept: precious half');
  });
});

describe('a workflow that is terminated by hand', () => {
  test('leaves nothing behind once the leftovers are looked for', async () => {
    const issue = await openIssue(world, place, 'endless');
    const { slug } = await issue.reaches('running', 1);
    await issue.printed(1, /still here/);
    await issue.workflow.terminate('by hand');
    const hostId = (await readFile(`${world.dataDirectory}/host-id`, 'utf8')).trim();
    await world.temporal.client.schedule.getHandle(`leftovers/${hostId}`).trigger();
    await issue.reaches('destroyed');
    expect(await supervisors(world.dataDirectory, slug)).toEqual([]);
    // The bottles of open workflows are kept.
    const { issues } = await world.api.issues();
    expect(issues.filter(({ phase }) => phase === 'destroyed')).toHaveLength(1);
  });
});
