import type { WorkflowHandle } from '@temporalio/client';
import type { google, temporal } from '@temporalio/proto';

export type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

export async function eventsOf(
  workflow: Pick<WorkflowHandle, 'fetchHistory'>,
): Promise<readonly HistoryEvent[]> {
  return (await workflow.fetchHistory()).events ?? [];
}

/** Epoch milliseconds by the clock of Temporal's server; 0 when there is none. */
export function toMilliseconds(time: google.protobuf.ITimestamp | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1e3 + (time?.nanos ?? 0) / 1e6;
}
