import type { EndedRun } from '../domain/reports.ts';
import type { RunStore } from '../store/store.ts';
import type { ReportRunInput } from './inputs.ts';

/** What people are told of a run's end; undefined for a run that has none. */
export async function readEndedRun(
  store: { readonly runs: Pick<RunStore, 'read'> },
  { slug, run, pullRequest, parkedUntil }: Omit<ReportRunInput, 'issue'>,
): Promise<EndedRun | undefined> {
  const record = await store.runs.read(slug, run);
  if (record?.outcome === undefined) {
    return undefined;
  }
  const { outcome, exitCode, reason, doneStatus, doneSummary, failed } = record;
  return {
    run,
    outcome,
    exitCode,
    reason,
    done: doneStatus === undefined ? undefined : { status: doneStatus, summary: doneSummary ?? '' },
    failed,
    runBudget: record.runBudget,
    issueBudget: record.issueBudget,
    parkedUntil,
    pullRequest,
  };
}
