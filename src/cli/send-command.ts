import type { Phase } from '../domain/run.ts';
import { callerName, connect } from './connect.ts';
import type { GlobalOptions } from './global-options.ts';
import type { IssueName } from './issue-name.ts';
import { print, printJson } from './terminal.ts';

/**
 * Gives a command to an issue's workflow and tells that it was accepted; its effect shows in `status`.
 * @param effect what will happen, as a sentence that follows the issue's name
 */
export async function sendCommand(
  name: IssueName,
  command: 'approve' | 'freeze' | 'resume' | 'retry' | 'destroy' | 'extend',
  effect: (phase: Phase) => string,
  options: GlobalOptions,
  more: { readonly seconds?: number } = {},
): Promise<void> {
  const { phase } = await connect(options).command(name, command, { by: callerName(), ...more });
  const issue = `${name.owner}/${name.repository}#${name.number}`;
  if (options.json) {
    printJson({ issue, command, accepted: true, phase });
  } else {
    print(`${issue} ${effect(phase)}`);
  }
}
