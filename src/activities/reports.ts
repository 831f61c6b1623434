import { log } from '@temporalio/activity';
import type { IssueRef } from '../domain/issue.ts';
import { launchFailureReport, runReport } from '../domain/reports.ts';
import type { Forge } from '../forges/forge.ts';
import type { Store } from '../store/store.ts';
import { heartbeating } from './heartbeat.ts';
import type { ReportActivities } from './inputs.ts';
import { postOnce } from './post-once.ts';
import { readEndedRun } from './read-ended-run.ts';

export interface ReportActivityPorts {
  readonly forge: Forge;
  readonly store: Store;
  /** Tells a person how to look at an issue. */
  readonly lookAt: (issue: IssueRef) => string;
}

/** What the orchestrator tells people on the forge, in its own name. */
export function createReportActivities(ports: ReportActivityPorts): ReportActivities {
  const { store, lookAt } = ports;
  return heartbeating<ReportActivities>({
    async reportRun({ issue, slug, run, pullRequest, parkedUntil }) {
      const ended = await readEndedRun(store, { slug, run, pullRequest, parkedUntil });
      if (ended === undefined) {
        log.warn('a run without an end is not reported', { slug, run });
        return;
      }
      const body = runReport({ ...ended, look: lookAt(issue) });
      const key = { slug, run, digest: 'run-end' };
      await postOnce(ports, issue, pullRequest ?? issue.number, key, body);
    },

    async reportLaunchFailure({ issue, slug, run, pullRequest, reason }) {
      const body = launchFailureReport({ run, reason, look: lookAt(issue) });
      const key = { slug, run, digest: 'launch-failed' };
      await postOnce(ports, issue, pullRequest ?? issue.number, key, body);
    },
  });
}
