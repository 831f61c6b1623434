import type { StopReason } from '../domain/run.ts';
import type { ForgeCredentials } from './host.ts';

/**
 * What an orchestrator and a supervisor say to each other over the control socket: one JSON object a line, each message
 * answered by one reply, in order. Part of the supervisor's contract: a newer orchestrator speaks to an older supervisor.
 *
 * Whoever has said `attach` on a connection that is still open is attached.
 */
export type ControlMessage =
  /** Who is there? Always the first. */
  | { readonly type: 'hello' }
  /** Replaces the credentials, and keeps the supervisor from ending the run past its deadline while connected. */
  | { readonly type: 'attach'; readonly credentials: ForgeCredentials }
  /** The mirror is up to date: clone and start the agent. Once is enough; again does nothing. */
  | { readonly type: 'go' }
  /** The launch failed outside of the supervisor: it gives the claim up. Does nothing once the agent is starting. */
  | { readonly type: 'abandon'; readonly reason: string; readonly retryable: boolean }
  /** Ends the run. The reply says that it was heard; the journal says how it ended. */
  | { readonly type: 'stop'; readonly reason: StopReason };

export type ControlReply =
  | { readonly type: 'hello'; readonly nonce: string }
  | { readonly type: 'ok' }
  | { readonly type: 'error'; readonly message: string };
