import type { Server } from 'node:net';

/** What supervisor and launcher say to each other, until the launcher becomes, or has started, the agent. */
export interface LauncherChannel {
  /** Rejects when the message cannot be brought to the launcher any more. */
  send(message: SupervisorMessage): Promise<void>;
  /** @param handle the listening server of the door, with `listening`, where the channel can carry one */
  onMessage(listener: (message: LauncherMessage, handle: Server | undefined) => void): void;
  /** Resolves when the launcher has left it: it has become, or started, the agent, or is gone. */
  readonly closed: Promise<void>;
}

/** The door can be reached from inside. Comes with its listening server as handle where that is the supervisor's to serve. */
export interface ListeningMessage {
  readonly type: 'listening';
}

export type LauncherMessage =
  | ListeningMessage
  /** The working copy and the files are there. */
  | { readonly type: 'ready' }
  | { readonly type: 'setup-failed'; readonly reason: string };

export type SupervisorMessage =
  | ({ readonly type: 'setup' } & SetUpOrder)
  | {
      readonly type: 'execute';
      readonly argv: readonly [string, ...string[]];
      readonly environment: Readonly<Record<string, string>>;
    };

/** What is to be there before the agent starts. */
export interface SetUpOrder {
  /** Undefined: the working copy of an earlier run is used as it is. */
  readonly clone: CloneOrder | undefined;
  /** Text by path below the home. */
  readonly files: Readonly<Record<string, string>>;
}

export interface CloneOrder {
  readonly url: string;
  readonly branch: string;
  /** Whether origin has the branch; if not it is made from the default branch. */
  readonly branchExists: boolean;
  /** Written into the working copy's own configuration. */
  readonly settings: Readonly<Record<string, string>>;
}
