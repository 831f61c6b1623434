import {
  type ActivityInterfaceFor,
  proxyActivities,
  proxyLocalActivities,
  ActivityCancellationType,
} from '@temporalio/workflow';
import type {
  ForgeActivities,
  HostActivities,
  RecordActivities,
  ReportActivities,
} from '../activities/inputs.ts';
import { hostTaskQueues } from '../domain/ids.ts';

/**
 * Time-outs and retries, one group per kind of effect. Every activity is idempotent, so all of them may be retried;
 * they differ in how long one try may take and in who waits for it.
 */

/** Asks and tells the forge. Retried for as long as it takes: a forge that is down comes back. */
export const forge = proxyActivities<ForgeActivities>({
  startToCloseTimeout: '2 minutes',
  // A worker that dies in the middle of it keeps nobody waiting for long.
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** Comments that say what people must know. What the forge refuses for good is not tried for ever. */
export const reports = proxyActivities<ReportActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '10 seconds',
  scheduleToCloseTimeout: '1 day',
  retry: {
    initialInterval: '1 second',
    maximumInterval: '5 minutes',
    nonRetryableErrorTypes: ['ForgeNotFoundError', 'ForgeRefusedError', 'ForgeDeniedError'],
  },
});

/**
 * The same in the workflow's own task: one event in its history where an activity costs six. Tried once and for no longer than a
 * workflow task may well take; whoever calls it has an activity to fall back on.
 */
export const reportsAtOnce = proxyLocalActivities<Pick<ReportActivities, 'showState'>>({
  startToCloseTimeout: '3 seconds',
  retry: { maximumAttempts: 1 },
});

/** Rows in a local database: milliseconds. */
export const records = proxyLocalActivities<RecordActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '100 milliseconds', maximumInterval: '5 seconds' },
});

/** The activities of the host that has the bottle, each on the queue that keeps it free of the others. */
export function hostActivities(hostId: string): ActivityInterfaceFor<HostActivities> {
  const queues = hostTaskQueues(hostId);
  const { launchBottle } = proxyActivities<HostActivities>({
    taskQueue: queues.launch,
    // No schedule-to-start limit: waiting for a place is what the queue is for.
    startToCloseTimeout: '15 minutes',
    heartbeatTimeout: '10 seconds',
    // A cancelled launch may have started an agent: whoever cancels must know that the attempt is over.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      initialInterval: '500 milliseconds',
      maximumInterval: '1 minute',
      // About an hour: a forge that is restarted or upgraded is back by then.
      maximumAttempts: 65,
      nonRetryableErrorTypes: ['BottleDestroyedError', 'LaunchRefusedError'],
    },
  });
  const { watchBottle } = proxyActivities<HostActivities>({
    taskQueue: queues.watch,
    // As long as any run: the workflow owns the deadline.
    startToCloseTimeout: '365 days',
    heartbeatTimeout: '5 seconds',
    retry: { initialInterval: '250 milliseconds', backoffCoefficient: 1 },
  });
  const { stopRun, freezeBottle, destroyBottle } = proxyActivities<HostActivities>({
    taskQueue: queues.control,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '10 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
  });
  const { probeRun } = proxyActivities<HostActivities>({
    taskQueue: queues.probe,
    startToCloseTimeout: '10 seconds',
    retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
  });
  return { launchBottle, watchBottle, stopRun, freezeBottle, destroyBottle, probeRun };
}
