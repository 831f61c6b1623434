import {
  type Client,
  type ScheduleHandle,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { orchestratorTaskQueue } from '../domain/ids.ts';

const reconcilePrefix = 'reconcile/';

/** Makes or updates this host's Schedule that looks for leftovers. Idempotent. */
export async function ensureLeftoversSchedule(
  client: Client,
  hostId: string,
  everyMs: number,
): Promise<void> {
  await ensureSchedule(client, `leftovers/${hostId}`, everyMs, {
    workflowType: 'leftoversWorkflow',
    args: [hostId],
    workflowExecutionTimeout: '30 minutes',
  });
}

/**
 * Makes or updates the Schedule that reconciles with a forge, and begins a turn at once, also where one goes on: nobody
 * works on that any more, since this is called before the workers of the only orchestrator start. Those of other forges
 * are deleted: the orchestrator was theirs before, or the forge had another name.
 * @param forgeHost host and port of the forge
 */
export async function ensureReconcileSchedule(
  client: Client,
  forgeHost: string,
  everyMs: number,
): Promise<void> {
  const schedule = await ensureSchedule(client, `${reconcilePrefix}${forgeHost}`, everyMs, {
    workflowType: 'reconcileWorkflow',
    args: [],
    workflowExecutionTimeout: '2 hours',
  });
  await schedule.trigger(ScheduleOverlapPolicy.TERMINATE_OTHER);
  for await (const { scheduleId } of client.schedule.list()) {
    if (scheduleId.startsWith(reconcilePrefix) && scheduleId !== schedule.scheduleId) {
      await client.schedule.getHandle(scheduleId).delete().catch(noneIfAbsent);
    }
  }
}

/** The list lags behind. */
function noneIfAbsent(error: unknown): void {
  if (!(error instanceof ScheduleNotFoundError)) {
    throw error;
  }
}

/** The Schedule's id is its workflow's too. */
async function ensureSchedule(
  client: Client,
  id: string,
  everyMs: number,
  workflow: {
    readonly workflowType: string;
    readonly args: unknown[];
    readonly workflowExecutionTimeout: '30 minutes' | '2 hours';
  },
): Promise<ScheduleHandle> {
  const schedule = {
    spec: { intervals: [{ every: everyMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowId: id,
      taskQueue: orchestratorTaskQueue,
      ...workflow,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: everyMs },
  };
  try {
    return await client.schedule.create({ scheduleId: id, ...schedule });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) {
      throw error;
    }
    const handle = client.schedule.getHandle(id);
    await handle.update((current) => ({ ...current, ...schedule }));
    return handle;
  }
}
