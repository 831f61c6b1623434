/** What supervisor and launcher say to each other over the IPC channel, until the launcher becomes the agent. */

/** Comes with the listening server of the door as its handle. */
export interface ListeningMessage {
  readonly type: 'listening';
}

export type LauncherMessage =
  | ListeningMessage
  /** The working copy is there. */
  | { readonly type: 'ready' }
  | { readonly type: 'clone-failed'; readonly reason: string };

export type SupervisorMessage =
  /** Without `clone` the working copy of an earlier run is used as it is. */
  | { readonly type: 'setup'; readonly clone: CloneOrder | undefined }
  | {
      readonly type: 'execute';
      readonly argv: readonly [string, ...string[]];
      readonly environment: Readonly<Record<string, string>>;
    };

export interface CloneOrder {
  readonly url: string;
  readonly branch: string;
  /** Whether origin has the branch; if not it is made from the default branch. */
  readonly branchExists: boolean;
  /** Written into the working copy's own configuration. */
  readonly settings: Readonly<Record<string, string>>;
}
