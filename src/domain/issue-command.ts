import type { Phase } from './run.ts';

/** What people may ask of an issue's workflow, besides more time. */
export type CommandName = 'approve' | 'freeze' | 'resume' | 'retry' | 'destroy';

/** As the API, the command line and comments give it to the workflow. */
export type IssueCommand = CommandSource &
  (
    | { readonly type: CommandName }
    | {
        readonly type: 'extend';
        /** Added to the deadline. */
        readonly byMs: number;
      }
  );

interface CommandSource {
  /** Who asked, for the timeline. */
  readonly by: string;
  /** Of the delivery that it came with: sent again after a crash, it is done once. */
  readonly sequence?: number;
}

/** Accepted is what was enqueued; nobody waits for the effect. */
export type CommandAnswer =
  | { readonly answer: 'accepted'; readonly phase: Phase }
  | { readonly answer: 'refused'; readonly reason: string }
  /** No life is open, and the command begins none. */
  | { readonly answer: 'no-workflow' };
