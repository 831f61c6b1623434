import { Context, log } from '@temporalio/activity';
import type { RunObserver } from '../bottles/host.ts';
import type { RunEnd } from '../domain/run.ts';
import type { Store } from '../store/store.ts';
import type { SignalDone } from '../workflows/messages.ts';
import type { RunInput } from './inputs.ts';

const checkinIntervalMs = 5_000;
/** History carries no texts. */
const shortLength = 200;

export interface RelayPorts {
  readonly store: Store;
  /** Sends Temporal's signal `signal_done`; a workflow that is gone is no error. */
  readonly signalDone: (workflowId: string, done: SignalDone) => Promise<void>;
}

/** Brings the journal's entries into the store and to the workflow, each once. */
export async function createRelay(
  { store, signalDone }: RelayPorts,
  { issue, slug, run }: RunInput,
): Promise<RunObserver & { pullRequestNumber?: number }> {
  const { workflowExecution } = Context.current().info;
  let checkinStored = 0;
  const observer: RunObserver & { pullRequestNumber?: number } = {
    lastSequence: await store.operations.lastSequence(slug, run),
    operations: (batch) => store.operations.append(slug, run, batch),
    async pullRequest(number) {
      observer.pullRequestNumber = number;
      await store.issues.update(issue, { prNumber: number });
    },
    comment: (id) => store.comments.recordOwn(issue.repository.id, id),
    async done({ status, summary }) {
      await store.runs.done(slug, run, status, summary);
      if (workflowExecution !== undefined) {
        await signalDone(workflowExecution.workflowId, {
          run,
          status,
          summary: summary.slice(0, shortLength),
        });
      }
    },
    session: (id) => store.runs.session(slug, run, id),
    usage: (usage) => store.runs.usage(slug, run, usage),
    checkin(at) {
      if (at - checkinStored >= checkinIntervalMs) {
        checkinStored = at;
        store.issues
          .update(issue, { lastCheckinAt: at })
          .catch((error: unknown) => log.warn('a check-in was not recorded', { error }));
      }
    },
  };
  return observer;
}

/** An end as it goes into Temporal's history. */
export function shortened(end: RunEnd): RunEnd {
  const { message: _, egress: __, ...facts } = end;
  return facts.done === undefined
    ? facts
    : { ...facts, done: { ...facts.done, summary: facts.done.summary.slice(0, shortLength) } };
}
