import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../test/support/until.ts';
import { startWorld, supervisors } from '../test/support/world.ts';
import { openIssue, type WorldIssue } from '../test/support/world-issue.ts';
import type { Bench } from './bench.ts';
import type { Figure } from './figure.ts';
import { now } from './measure.ts';
import { toMilliseconds } from './workflow-history.ts';

const bottles = 20;
const kills = 3;
/** Each kill finds watches that have been going on for a while. */
const watchedMs = 2_000;

/** From the start of an orchestrator whose predecessor was killed until it watches every bottle there is. */
export async function measureReattach(bench: Bench): Promise<Figure[]> {
  const world = await bench.own(() =>
    startWorld({
      agents: { sleeper: 'sleep 3600' },
      environment: { MAX_BOTTLES: String(bottles), ORCHESTRATOR_LOG_LEVEL: 'info' },
    }),
  );
  const place = await world.repository();
  const issues: WorldIssue[] = [];
  for (let opened = 0; opened < bottles; opened++) {
    issues.push(await openIssue(world, place, 'sleeper'));
  }
  for (const issue of issues) {
    await issue.reaches('running', 1, 120_000);
  }

  const seconds: { watched: number; takenOver: number }[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await allWatchedSince(issues, 0);
    await delay(watchedMs, undefined, { signal: bench.signal });
    await world.orchestrator.kill('SIGKILL');
    const startedAt = now();
    world.orchestrator.spawn();
    const takenOverAt = await allWatchedSince(issues, startedAt);
    seconds.push({
      watched: (now() - startedAt) / 1000,
      takenOver: (takenOverAt - startedAt) / 1000,
    });
  }
  const alive = (await supervisors(world.dataDirectory)).length;
  if (alive !== bottles) {
    throw new Error(`of ${bottles} supervisors ${alive} live`);
  }
  return [
    {
      figure: 'reattach',
      value: Math.max(...seconds.map(({ watched }) => watched)),
      unit: 's',
      limit: 10,
      at: 'most',
      raw: { bottles, kills: seconds },
    },
  ];
}

/**
 * Waits until every issue's watch was taken by a worker after `since`, and has sent a heartbeat from there.
 * @returns when the last of them was taken, epoch milliseconds
 */
async function allWatchedSince(issues: readonly WorldIssue[], since: number): Promise<number> {
  let takenAt = 0;
  for (const issue of issues) {
    const taken = await until(
      `the watch of #${issue.number}`,
      () => watchTakenSince(issue, since),
      60_000,
    );
    takenAt = Math.max(takenAt, taken);
  }
  return takenAt;
}

async function watchTakenSince(issue: WorldIssue, since: number): Promise<number | undefined> {
  const { raw } = await issue.workflow.describe();
  const watch = raw.pendingActivities?.find(
    ({ activityType }) => activityType?.name === 'watchBottle',
  );
  const takenAt = toMilliseconds(watch?.lastStartedTime);
  return takenAt > since && toMilliseconds(watch?.lastHeartbeatTime) > takenAt
    ? takenAt
    : undefined;
}
