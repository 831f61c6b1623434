import type { Phase } from './run.ts';

/** The labels that show on the forge where an issue is: one at a time, and none once its bottle is gone. */
export type StateLabel = 'queued' | 'running' | 'frozen' | 'parked' | 'failed';

/** Their names begin with it. Forges that know exclusive labels go by the slash. */
export const stateLabelPrefix = 'bottle/';

interface LabelLook {
  /** `#rrggbb` */
  readonly colour: string;
  readonly description: string;
}

export const stateLabels: Readonly<Record<StateLabel, LabelLook>> = {
  queued: { colour: '#8a8f98', description: 'An agent waits for a free place, or for approval' },
  running: { colour: '#2d7d9a', description: 'An agent works on it' },
  frozen: { colour: '#5b9bd5', description: 'Nothing runs, everything is kept: a comment goes on' },
  parked: { colour: '#d9a441', description: "Waits for the model provider's limit to be reset" },
  failed: { colour: '#c0392b', description: 'A run could not be started: see the comments' },
};

/** Undefined when the issue has no bottle any more. */
export function stateLabelOf(phase: Phase): StateLabel | undefined {
  switch (phase) {
    case 'queued':
    case 'frozen':
    case 'parked':
    case 'failed':
      return phase;
    case 'running':
    case 'freezing':
    case 'resuming':
      return 'running';
    case 'destroying':
    case 'destroyed':
      return undefined;
  }
}
