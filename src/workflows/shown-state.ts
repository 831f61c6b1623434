import type { CommitState } from '../domain/commit-state.ts';
import { type StateLabel, stateLabelOf } from '../domain/state-label.ts';
import { utcTime } from '../domain/utc-time.ts';
import { type IssueState, parkedUntil, succeeded } from './issue-state.ts';
import type { LifecycleSettings } from './messages.ts';

/** What the forge shows of an issue, besides comments. */
export interface ShownState {
  /** Null: the issue has none of our labels. Absent: labels are not ours to set. */
  readonly label?: StateLabel | null;
  /** On the newest commit of the pull request. Absent: there is none. */
  readonly status?: ShownStatus;
  /** How often the pull request's head has moved: another commit is shown the same. */
  readonly pushes: number;
}

export interface ShownStatus {
  readonly pullRequest: number;
  readonly state: CommitState;
  readonly description: string;
}

/**
 * What is to be shown now; undefined: nothing. Says little that changes, because each change is told to the forge.
 * @param shows absent for a life that began when nothing was shown
 */
export function shownState(
  state: IssueState,
  shows: LifecycleSettings['shows'],
): ShownState | undefined {
  if (state.life === undefined || shows === undefined) {
    return undefined;
  }
  const status = shownStatus(state);
  return !shows.labels && status === undefined
    ? undefined
    : {
        ...(shows.labels && { label: stateLabelOf(state.phase) ?? null }),
        ...(status !== undefined && { status }),
        pushes: state.pushes ?? 0,
      };
}

function shownStatus(state: IssueState): ShownStatus | undefined {
  const { pullRequest } = state;
  return pullRequest === undefined ? undefined : { pullRequest, ...sayStatus(state) };
}

function sayStatus(state: IssueState): Omit<ShownStatus, 'pullRequest'> {
  switch (state.phase) {
    case 'queued':
    case 'running':
    case 'freezing':
    case 'resuming':
      return { state: 'pending', description: 'An agent is at work' };
    case 'parked':
      return {
        state: 'pending',
        description: `Waits for the model provider's limit until ${utcTime(parkedUntil(state) ?? 0)}`,
      };
    case 'failed':
      return { state: 'failure', description: `Run ${state.run} could not be started` };
    case 'frozen':
    case 'destroying':
    case 'destroyed':
      return sayEnd(state);
  }
}

function sayEnd({ lastEnd, run }: IssueState): Omit<ShownStatus, 'pullRequest'> {
  if (lastEnd === undefined) {
    return { state: 'failure', description: 'Ended before a run began' };
  }
  if (succeeded(lastEnd)) {
    return { state: 'success', description: `Run ${run} is done` };
  }
  const how = lastEnd.outcome === 'done' ? `done (${lastEnd.doneStatus})` : lastEnd.outcome;
  return { state: 'failure', description: `Run ${run} ended: ${how}` };
}
