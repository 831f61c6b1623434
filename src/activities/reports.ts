import { log } from '@temporalio/activity';
import { formatIssue, type IssueRef } from '../domain/issue.ts';
import { approvalReport, launchFailureReport, runReport } from '../domain/reports.ts';
import { heartbeating } from './heartbeat.ts';
import type { ReportActivities } from './inputs.ts';
import { postOnIssue } from './post-on-issue.ts';
import { readEndedRun } from './read-ended-run.ts';
import { type ShowStatePorts, stateShower } from './show-state.ts';

export interface ReportActivityPorts extends ShowStatePorts {
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
      await postOnIssue(ports, issue, pullRequest ?? issue.number, key, body);
    },

    showState: stateShower(ports),

    async askForApproval({ issue, slug, agent }) {
      const key = { slug, run: 0, digest: 'approval' };
      await postOnIssue(ports, issue, issue.number, key, approvalReport(agent, formatIssue(issue)));
    },

    async reportLaunchFailure({ issue, slug, run, pullRequest, reason }) {
      const body = launchFailureReport({ run, reason, look: lookAt(issue) });
      const key = { slug, run, digest: 'launch-failed' };
      await postOnIssue(ports, issue, pullRequest ?? issue.number, key, body);
    },
  });
}
