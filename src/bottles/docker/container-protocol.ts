import { inside } from '../directory.ts';
import type { LauncherMessage, SupervisorMessage } from '../launch-protocol.ts';

/**
 * The launcher in a container connects here three times: for its messages, for the agent's stdout, for its stderr. Messages are
 * one JSON object a line. The connection for messages lasts as long as the agent, and each side takes its end for the
 * other's death.
 */
export const launcherSocketName = 'launcher.sock';
export const launcherSocket = `${inside.sockets}/${launcherSocketName}`;

export type FromContainer =
  | LauncherMessage
  /** The agent runs. */
  | { readonly type: 'executed' }
  /** @property code as a shell has it: 128 and the signal's number when one ended the agent */
  | { readonly type: 'exited'; readonly code: number };

export type ToContainer =
  | SupervisorMessage
  /** TERM to everything inside. */
  | { readonly type: 'terminate' };
