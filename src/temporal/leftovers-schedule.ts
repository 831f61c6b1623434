import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { orchestratorTaskQueue } from '../domain/ids.ts';

/** Makes or updates this host's Schedule that looks for leftovers. Idempotent. */
export async function ensureLeftoversSchedule(
  client: Client,
  hostId: string,
  everyMs: number,
): Promise<void> {
  const schedule = {
    spec: { intervals: [{ every: everyMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: 'leftoversWorkflow',
      workflowId: `leftovers/${hostId}`,
      taskQueue: orchestratorTaskQueue,
      args: [hostId],
      workflowExecutionTimeout: '30 minutes',
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: everyMs },
  };
  try {
    await client.schedule.create({ scheduleId: `leftovers/${hostId}`, ...schedule });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) {
      throw error;
    }
    await client.schedule
      .getHandle(`leftovers/${hostId}`)
      .update((current) => ({ ...current, ...schedule }));
  }
}
