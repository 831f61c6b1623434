import { patched, proxyActivities } from '@temporalio/workflow';
import type { LeftoverActivities } from '../activities/leftovers.ts';
import type { SpaceActivities } from '../activities/space.ts';
import { hostTaskQueues } from '../domain/ids.ts';

/**
 * Run by a host's Temporal Schedule: destroys bottles whose workflow is closed, terminated by hand, say; then looks whether
 * there is space enough.
 */
export async function leftoversWorkflow(hostId: string): Promise<{ destroyed: number }> {
  const { destroyLeftovers, lookAtSpace } = proxyActivities<LeftoverActivities & SpaceActivities>({
    taskQueue: hostTaskQueues(hostId).control,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '30 seconds',
    retry: { maximumAttempts: 3 },
  });
  const { destroyed } = await destroyLeftovers();
  if (patched('space')) {
    await lookAtSpace();
  }
  return { destroyed };
}
