import { type BeginCause, type IssueState, parkedUntil } from './issue-state.ts';

export type Step =
  /** Read the issue and judge it. */
  | { readonly do: 'open' }
  | { readonly do: 'await-approval' }
  | { readonly do: 'launch' }
  | { readonly do: 'watch' }
  | { readonly do: 'freeze' }
  | { readonly do: 'resume' }
  | { readonly do: 'wait'; readonly until: number | undefined }
  | { readonly do: 'destroy' }
  | { readonly do: 'begin-again'; readonly cause: BeginCause }
  | { readonly do: 'finish' };

/** Clocks differ: who asks in the very moment of the reset may be refused once more. */
const resetSlackMs = 3_000;

/** What to do now. `wait` means: until an event comes, or until then. */
export function nextStep(state: IssueState, debounceMs: number): Step {
  if (state.life === undefined) {
    return { do: 'open' };
  }
  switch (state.phase) {
    case 'destroyed':
      return state.again === undefined
        ? { do: 'finish' }
        : { do: 'begin-again', cause: state.again };
    case 'destroying':
      return { do: 'destroy' };
    case 'running':
      return { do: 'watch' };
    case 'freezing':
      return { do: 'freeze' };
    case 'queued':
    case 'resuming':
    case 'frozen':
    case 'parked':
    case 'failed':
      return nextIdleStep(state, debounceMs);
  }
}

function nextIdleStep(state: IssueState, debounceMs: number): Step {
  if (state.destroy !== undefined || (state.held && !state.everRan)) {
    return { do: 'destroy' };
  }
  if (state.awaitsApproval === true) {
    return { do: 'await-approval' };
  }
  if (state.phase === 'queued' || state.phase === 'resuming') {
    return { do: 'launch' };
  }
  if (state.held) {
    return { do: 'wait', until: undefined };
  }
  if (state.resume !== undefined) {
    return { do: 'resume' };
  }
  const reset = parkedUntil(state);
  if (reset !== undefined) {
    // Comments wait too: a run before the reset would meet the limit again.
    return { do: 'wait', until: reset + resetSlackMs };
  }
  if (state.unreadSince === undefined) {
    return { do: 'wait', until: undefined };
  }
  return { do: 'wait', until: state.unreadSince + debounceMs };
}
