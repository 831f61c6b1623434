import { proxyActivities } from '@temporalio/workflow';
import type { ReconcileActivities } from '../activities/reconcile.ts';

const { reconcile } = proxyActivities<ReconcileActivities>({
  // The first turn reads all that is open.
  startToCloseTimeout: '1 hour',
  // A turn of an orchestrator that was killed is taken again soon.
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumAttempts: 3 },
});

/** Run by a Temporal Schedule and at each start: finds what happened on the forge and no webhook told of. */
export async function reconcileWorkflow(): Promise<
  Awaited<ReturnType<ReconcileActivities['reconcile']>>
> {
  return await reconcile();
}
