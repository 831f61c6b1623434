import { ActivityFailure, ApplicationFailure, proxyActivities } from '@temporalio/workflow';
import type { SendActivities } from '../activities/send-notification.ts';
import type { NotifierName } from '../domain/notification.ts';

export interface NotificationWorkflowInput {
  /** What it says is in the store. */
  readonly id: string;
  readonly notifiers: readonly NotifierName[];
}

const { sendNotification } = proxyActivities<SendActivities>({
  startToCloseTimeout: '30 seconds',
  // A notifier that is down may come back; what is a day old is no news.
  scheduleToCloseTimeout: '1 day',
  heartbeatTimeout: '10 seconds',
  retry: {
    initialInterval: '1 second',
    maximumInterval: '10 minutes',
    nonRetryableErrorTypes: ['NotifierRefusedError'],
  },
});

/**
 * Sends one notification on each of its ways. Apart from the workflow, which goes on whatever becomes of it; fails
 * where one has not arrived, so that Temporal's UI shows it.
 */
export async function notificationWorkflow({
  id,
  notifiers,
}: NotificationWorkflowInput): Promise<void> {
  const failures = await Promise.all(
    notifiers.map(async (notifier) => {
      try {
        await sendNotification.executeWithOptions({ summary: notifier }, [{ id, notifier }]);
        return [];
      } catch (error) {
        return [`${notifier}: ${reasonOf(error)}`];
      }
    }),
  );
  if (failures.flat().length > 0) {
    throw ApplicationFailure.nonRetryable(failures.flat().join('; '), 'NotificationNotSent');
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
