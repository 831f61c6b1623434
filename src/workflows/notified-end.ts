import type { NotificationEvent } from '../domain/notification.ts';
import { type IssueState, needsReport, parkedUntil } from './issue-state.ts';

export type NotifiedEnd = Extract<NotificationEvent, 'needs-you' | 'failed' | 'pull-request'>;

/**
 * What people can be told of the last run's end besides on the forge. Nothing of what goes on by itself, of what somebody
 * asked for, and of a life that is over.
 */
export function notifiedEnd(state: IssueState): NotifiedEnd | undefined {
  const { lastEnd, pullRequest } = state;
  if (lastEnd === undefined || state.destroy !== undefined || parkedUntil(state) !== undefined) {
    return undefined;
  }
  if (!needsReport(state)) {
    return lastEnd.outcome === 'cancelled' || pullRequest === undefined
      ? undefined
      : 'pull-request';
  }
  switch (lastEnd.outcome) {
    case 'budget':
    case 'parked':
      return 'needs-you';
    case 'done':
      return lastEnd.doneStatus === 'partial' || lastEnd.doneStatus === 'blocked'
        ? 'needs-you'
        : 'failed';
    case 'exited':
    case 'watchdog':
    case 'deadline':
    case 'lost':
    case 'cancelled':
      return 'failed';
  }
}
