import type { Notifications } from '../notifications/notifications.ts';
import type { Store } from '../store/store.ts';
import type { RecordActivities } from './inputs.ts';
import { issueNotification } from './issue-notification.ts';

/** What the workflow writes down for people and for the lives to come. */
export function createRecordActivities(
  store: Store,
  notifications: Pick<Notifications, 'raise'>,
): RecordActivities {
  return {
    async recordPhase(input) {
      const { issue, phase, run, lastSequence } = input;
      const { pullRequest, pullRequestMerged, outcome, parkedUntil, awaitsApproval } = input;
      await store.issues.update(issue, {
        phase,
        run,
        lastSequence,
        parkedUntil: parkedUntil ?? null,
        ...(pullRequest === undefined
          ? {}
          : { prNumber: pullRequest, prMerged: pullRequestMerged }),
        ...(outcome === undefined ? {} : { outcome }),
        ...(phase === 'failed'
          ? {}
          : {
              attention:
                awaitsApproval === true
                  ? 'waits for approval: comment `/bottle approve`, or `orchestrator approve`'
                  : null,
            }),
      });
      const notification = input.notify && (await issueNotification(store, input.notify, input));
      if (notification !== undefined) {
        await notifications.raise(notification);
      }
    },

    async recordLaunchFailure({ issue, slug, run, reason }) {
      await store.comments.giveBack(slug, run);
      await store.runs.ended(slug, run, { outcome: 'cancelled', reason, endedAt: Date.now() });
      await store.issues.update(issue, { attention: `run ${run} could not be started: ${reason}` });
    },

    async recordAttention({ issue, attention }) {
      await store.issues.update(issue, { attention });
    },
  };
}
