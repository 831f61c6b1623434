import type { IssueCommand } from '../domain/issue-command.ts';
import { isIdle, type IssueState } from './issue-state.ts';

/**
 * Why a command makes no sense now, or undefined when it does.
 * @param sequence of the delivery that it came with: what was done before is accepted again
 */
export function refusal(
  state: IssueState,
  command: IssueCommand['type'],
  sequence?: number,
): string | undefined {
  const { phase } = state;
  if (sequence !== undefined && sequence <= state.lastSequence) {
    return undefined;
  }
  if (phase === 'destroying' || phase === 'destroyed') {
    return command === 'retry' ? undefined : 'the bottle is being destroyed';
  }
  switch (command) {
    case 'destroy':
      return undefined;
    case 'approve':
      if (state.awaitsApproval === true) {
        return undefined;
      }
      return state.life === undefined
        ? 'the issue is still being read: ask again in a moment'
        : `nothing waits for approval: the issue is ${phase}`;
    case 'freeze':
      return phase === 'running' || phase === 'resuming'
        ? undefined
        : `nothing runs: the issue is ${phase}`;
    case 'extend':
      return phase === 'running' ? undefined : `no run has a deadline: the issue is ${phase}`;
    case 'resume':
    case 'retry':
      if (command === 'retry' && state.life === undefined) {
        return undefined;
      }
      if (state.awaitsApproval === true) {
        return `there is nothing to ${command}: the issue waits for \`approve\``;
      }
      if (!isIdle(phase)) {
        return `there is nothing to ${command}: the issue is ${phase}`;
      }
      return state.held
        ? 'its agent label or its assignee was taken away: put it back first'
        : undefined;
  }
}
