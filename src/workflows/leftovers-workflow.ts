import { proxyActivities } from '@temporalio/workflow';
import type { LeftoverActivities } from '../activities/leftovers.ts';
import { hostTaskQueues } from '../domain/ids.ts';

/** Run by a host's Temporal Schedule: destroys bottles whose workflow is closed, terminated by hand, say. */
export async function leftoversWorkflow(hostId: string): Promise<{ destroyed: number }> {
  const { destroyLeftovers } = proxyActivities<LeftoverActivities>({
    taskQueue: hostTaskQueues(hostId).control,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '30 seconds',
    retry: { maximumAttempts: 3 },
  });
  return await destroyLeftovers();
}
