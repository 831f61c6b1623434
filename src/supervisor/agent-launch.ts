import type { Server } from 'node:net';
import type { RunningSandbox } from '../bottles/backend.ts';
import type { LaunchRequest } from '../bottles/host.ts';
import type { CloneOrder, SupervisorMessage } from '../bottles/launch-protocol.ts';

import { agentEnvironment } from './agent-environment.ts';

/** The agent was not started. */
export class LaunchFailure extends Error {
  override readonly name = 'LaunchFailure';
  readonly retryable: boolean;
  constructor(message: string, retryable: boolean) {
    super(message);
    this.retryable = retryable;
  }
}

export interface AgentLaunch {
  readonly sandbox: Pick<RunningSandbox, 'launcher' | 'exited'>;
  /** Resolves when the mirror is up to date, so that the bottle can clone from it. */
  readonly request: Promise<LaunchRequest>;
  /** Asked after that; undefined when the working copy is there already. */
  clone(request: LaunchRequest): Promise<CloneOrder | undefined>;
  /** @param listener the door's, when it is the supervisor's to serve */
  onListening(listener: Server | undefined): void;
  /** Called when nothing but the agent's start is left to do; the agent is executed only when it resolves. */
  beforeStart(): Promise<void>;
}

/**
 * Leads the launcher inside the sandbox to the point where it becomes the agent, and resolves then.
 * @throws LaunchFailure when the sandbox or the clone fails
 */
export async function launchAgent(launch: AgentLaunch): Promise<void> {
  const { launcher, exited } = launch.sandbox;
  const listening = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<never>();
  launcher.onMessage((message, handle) => {
    switch (message.type) {
      case 'listening':
        launch.onListening(handle);
        return listening.resolve();
      case 'ready':
        return ready.resolve();
      case 'setup-failed':
        return failed.reject(new LaunchFailure(message.reason, true));
    }
  });
  void exited.then(({ code, reason, retryable }) => {
    const how = reason ?? `exit code ${code}`;
    const message = `the sandbox ended before the agent started (${how})`;
    failed.reject(new LaunchFailure(message, retryable ?? true));
  });

  const tell = (message: SupervisorMessage): void => {
    launcher.send(message).catch(({ message: reason }: Error) => {
      failed.reject(new LaunchFailure(reason, true));
    });
  };
  const step = <T>(promise: Promise<T>): Promise<T> => Promise.race([promise, failed.promise]);
  const order = launch.request.then((request) => launch.clone(request));
  await step(Promise.all([listening.promise, order]));
  const request = await launch.request;
  tell({ type: 'setup', clone: await order, files: request.files ?? {} });
  await step(ready.promise);
  await step(launch.beforeStart());
  tell({ type: 'execute', argv: request.argv, environment: agentEnvironment(request) });
  await step(launcher.closed);
}
