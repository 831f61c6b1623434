import type { IssueCommand } from '../domain/issue-command.ts';
import type { Phase } from '../domain/run.ts';
import { callerName, connect } from './connect.ts';
import type { GlobalOptions } from './global-options.ts';
import { findIssue, formatIssueName, type IssueWord } from './issue-name.ts';
import { print, printJson } from './terminal.ts';

/**
 * Gives a command to an issue's workflow and tells that it was accepted; its effect shows in `status`.
 * @param effect what will happen, as a sentence that follows the issue's name
 * @param more.confirm asked with the issue's whole name before; nothing is sent if it throws
 */
export async function sendCommand(
  word: IssueWord,
  command: IssueCommand['type'],
  effect: (phase: Phase) => string,
  options: GlobalOptions,
  more: {
    readonly seconds?: number;
    readonly confirm?: (issue: string) => Promise<void>;
  } = {},
): Promise<void> {
  const { confirm, ...body } = more;
  const client = connect(options);
  const name = await findIssue(word, client);
  const issue = formatIssueName(name);
  await confirm?.(issue);
  const { phase } = await client.command(name, command, { by: callerName(), ...body });
  if (options.json) {
    printJson({ issue, command, accepted: true, phase });
  } else {
    print(`${issue} ${effect(phase)}`);
  }
}
