import { log } from '@temporalio/activity';
import type { BottleHost } from '../bottles/host.ts';
import type { Store } from '../store/store.ts';
import { withHeartbeat } from './heartbeat.ts';

/** For who wants to know what was delivered. Nothing reads a settled delivery again. */
const bodiesKeptMs = 30 * 86_400_000;

export interface LeftoverActivities {
  /** Idempotent. */
  destroyLeftovers(): Promise<{ destroyed: number }>;
}

export type WorkflowLookup =
  | { readonly state: 'open'; readonly slug: string | undefined }
  | { readonly state: 'closed' }
  | { readonly state: 'unknown' };

/**
 * Finds bottles nobody is responsible for any more, and empties old deliveries. One whose workflow Temporal does not know is only reported: a
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
        try {
          if (await withHeartbeat(() => isLeftover(slug, workflowId))) {
            log.info('destroying what a closed workflow left', { slug, workflowId });
            await withHeartbeat(() => host.destroy(slug));
            destroyed++;
          }
        } catch (error) {
          // One bottle that cannot be looked up or destroyed does not hold back the others.
          log.warn('a bottle could not be judged', { slug, workflowId, error });
        }
      }
      await markDestroyed();
      await store.deliveries.emptySettled(Date.now() - bodiesKeptMs);
      await withHeartbeat(() => host.removeExpired());
      return { destroyed };
    },
  };

  async function isLeftover(slug: string, workflowId: string | undefined): Promise<boolean> {
    if (workflowId === undefined) {
      log.warn('a bottle does not say which workflow it belongs to', { slug });
      return false;
    }
    const workflow = await lookUp(workflowId);
    if (workflow.state === 'unknown') {
      log.warn('the workflow of a bottle is unknown', { slug, workflowId });
    }
    return (
      workflow.state === 'closed' ||
      (workflow.state === 'open' && workflow.slug !== undefined && workflow.slug !== slug)
    );
  }

  /** A workflow that was terminated could not say so itself. */
  async function markDestroyed(): Promise<void> {
    const slugs = new Set((await host.list()).map(({ slug }) => slug));
    for (const { issue, workflowId, phase, slug } of await store.issues.all()) {
      if (phase !== 'destroyed' && !slugs.has(slug)) {
        const workflow = await withHeartbeat(() => lookUp(workflowId));
        if (workflow.state === 'closed') {
          await store.issues.update(issue, { phase: 'destroyed' });
        }
      }
    }
  }
}
