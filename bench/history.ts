import { until } from '../test/support/until.ts';
import { startWorld } from '../test/support/world.ts';
import { openIssue, type WorldIssue } from '../test/support/world-issue.ts';
import type { Bench } from './bench.ts';
import type { Figure } from './figure.ts';
import { eventsOf, type HistoryEvent } from './workflow-history.ts';

/** Long enough that the demo agent is never silent for it, short enough to see some windows. */
const watchdogSeconds = 4;
/** Three windows and a bit. */
const lively = 'for second in $(seq 14); do echo working; sleep 1; done';
const furtherRounds = 5;

/** What a life costs Temporal: events of its history. */
export async function measureHistory(bench: Bench): Promise<Figure[]> {
  const world = await bench.own(() =>
    startWorld({
      agents: { lively },
      environment: { FORGE_WATCHDOG_TIMEOUT: String(watchdogSeconds) },
    }),
  );
  const place = await world.repository();
  const talker = await openIssue(world, place, 'lively');
  const story = await openIssue(world, place, 'demo', {
    body: 'Please create hello.txt with "Hello, world".',
  });
  const { events, rounds } = await tellStory(story);
  await talker.reaches('frozen', 1);
  const windows = await watchdogWindows(talker);
  const limits = { unit: 'events', at: 'most' } as const;
  return [
    { figure: 'history story', value: events, limit: 160, ...limits, raw: {} },
    { figure: 'history round', value: Math.max(...rounds), limit: 45, ...limits, raw: { rounds } },
    {
      figure: 'history window',
      value: Math.max(...windows),
      limit: 11,
      ...limits,
      raw: { windows },
    },
  ];
}

/**
 * An issue becomes a pull request, comments become commits, the merge ends it. All comments but the last are further
 * rounds: they are counted apart, each from its comment's signal to the next one's.
 */
async function tellStory(issue: WorldIssue): Promise<{ events: number; rounds: number[] }> {
  const { pullRequest } = await issue.reaches('frozen', 1);
  const number = pullRequest?.number ?? 0;
  for (let run = 2; run <= furtherRounds + 2; run++) {
    await isOver(issue, run - 1);
    await issue.alice.comment(number, `append "line ${run}" to hello.txt`);
  }
  await isOver(issue, furtherRounds + 2);
  await issue.alice.merge(number);
  await issue.workflow.result();
  const events = await eventsOf(issue.workflow);
  const comments = idsOf(events, isSignal('pr_comment'));
  const rounds = gaps(comments);
  const further = rounds.reduce((sum, round) => sum + round, 0);
  return { events: events.length - further, rounds };
}

/**
 * Waits until a run is frozen, and its push known and shown: the forge tells of it some time later, and it would count as a part
 * of the next round. Reads the history and asks the workflow nothing: it answers by further workflow tasks.
 */
async function isOver(issue: WorldIssue, run: number): Promise<void> {
  await until(`run ${run} to be over`, async () => {
    const events = await eventsOf(issue.workflow);
    const freezes = events.filter(
      ({ activityTaskScheduledEventAttributes: activity }) =>
        activity?.activityType?.name === 'freezeBottle',
    );
    const pushes = idsOf(events, isSignal('pr_event'));
    const last = events.at(-1);
    const rests = last?.markerRecordedEventAttributes ?? last?.workflowTaskCompletedEventAttributes;
    return freezes.length >= run && pushes.length >= run && Boolean(rests);
  });
}

/** Events from one watchdog timer to the next. */
async function watchdogWindows(issue: WorldIssue): Promise<number[]> {
  const events = await eventsOf(issue.workflow);
  return gaps(idsOf(events, (event) => Boolean(event.timerStartedEventAttributes)));
}

function isSignal(name: string): (event: HistoryEvent) => boolean {
  return (event) => event.workflowExecutionSignaledEventAttributes?.signalName === name;
}

function idsOf(
  events: readonly HistoryEvent[],
  isWanted: (event: HistoryEvent) => boolean,
): number[] {
  return events.filter(isWanted).map(({ eventId }) => Number(eventId));
}

function gaps(ids: readonly number[]): number[] {
  return ids.slice(1).map((id, index) => id - (ids[index] ?? id));
}
