import { heartbeat, log } from '@temporalio/activity';
import type { BottleHost } from '../bottles/host.ts';
import type { Store } from '../store/store.ts';

export interface LeftoverActivities {
  /** Idempotent. */
  destroyLeftovers(): Promise<{ destroyed: number }>;
}

export type WorkflowLookup =
  | { readonly state: 'open'; readonly slug: string | undefined }
  | { readonly state: 'closed' }
  | { readonly state: 'unknown' };

/**
 * Finds bottles nobody is responsible for any more. One whose workflow Temporal does not know is only reported: a
 * namespace that was lost must not take people's work with it.
 */
export function createLeftoverActivities(ports: {
  readonly host: BottleHost;
  readonly store: Store;
  readonly lookUp: (workflowId: string) => Promise<WorkflowLookup>;
}): LeftoverActivities {
  const { host, store, lookUp } = ports;
  return {
    async destroyLeftovers() {
      let destroyed = 0;
      for (const { slug, workflowId } of await host.list()) {
        heartbeat();
        if (workflowId === undefined) {
          log.warn('a bottle does not say which workflow it belongs to', { slug });
          continue;
        }
        const workflow = await lookUp(workflowId);
        if (workflow.state === 'unknown') {
          log.warn('the workflow of a bottle is unknown', { slug, workflowId });
          continue;
        }
        const closed =
          workflow.state === 'closed' || (workflow.slug !== undefined && workflow.slug !== slug);
        if (closed) {
          log.info('destroying what a closed workflow left', { slug, workflowId });
          await host.destroy(slug);
          const record = await store.issues.bySlug(slug);
          if (record !== undefined) {
            await store.issues.update(record.issue, { phase: 'destroyed' });
          }
          destroyed++;
        }
      }
      return { destroyed };
    },
  };
}
