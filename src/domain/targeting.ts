import type { Issue } from './issue.ts';

/** What an issue asks for, judged from its state on the forge. */
export type Targeting =
  | { readonly verdict: 'target'; readonly agent: string; readonly bottle: string }
  /** Nothing is asked for. */
  | { readonly verdict: 'untargeted'; readonly reason: string }
  /** Something is asked for that cannot be done; `problem` and `fix` are for the person who asked. */
  | { readonly verdict: 'invalid'; readonly problem: string; readonly fix: string };

/** The rest of such a label names the agent. */
export const agentLabelPrefix = 'bot-bottle:';
const bottlePrefix = 'bot-bottle-bottle:';

/**
 * Judges an issue. Pure: whether an assignee is a member of the org, and which agents exist,
 * are asked of the forge and the manifests beforehand.
 *
 * @param members the assignees who are members of the org
 * @param agents the agents there are, each with its default bottle (undefined: it has none)
 * @param bottles the bottles there are
 */
export function judgeTarget(
  issue: Issue,
  members: ReadonlySet<string>,
  agents: ReadonlyMap<string, { readonly bottle: string | undefined }>,
  bottles: ReadonlySet<string>,
): Targeting {
  if (issue.state !== 'open') {
    return { verdict: 'untargeted', reason: 'the issue is closed' };
  }
  const agentNames = suffixes(issue.labels, agentLabelPrefix);
  if (agentNames.length === 0) {
    return { verdict: 'untargeted', reason: `no label ${agentLabelPrefix}<agent>` };
  }
  if (!issue.assignees.some((login) => members.has(login))) {
    return { verdict: 'untargeted', reason: 'no assignee is a member of the org' };
  }
  const [agentName, ...furtherAgents] = agentNames;
  if (agentName === undefined || furtherAgents.length > 0) {
    return {
      verdict: 'invalid',
      problem: `The issue has ${agentNames.length} agent labels: ${quoted(agentNames, agentLabelPrefix)}.`,
      fix: 'Leave exactly one of them.',
    };
  }
  const bottleNames = suffixes(issue.labels, bottlePrefix);
  const [bottleName, ...furtherBottles] = bottleNames;
  if (furtherBottles.length > 0) {
    return {
      verdict: 'invalid',
      problem: `The issue has ${bottleNames.length} bottle labels: ${quoted(bottleNames, bottlePrefix)}.`,
      fix: "Leave at most one of them; without one the agent's own bottle is used.",
    };
  }
  const agent = agents.get(agentName);
  if (agent === undefined) {
    return {
      verdict: 'invalid',
      problem: `There is no agent \`${agentName}\`.`,
      fix: `${known('agent', agents.keys())} Change the label, or add \`agents/${agentName}.md\` on the orchestrator's machine or \`.bot-bottle/agents/${agentName}.md\` to the default branch.`,
    };
  }
  const bottle = bottleName ?? agent.bottle;
  if (bottle === undefined) {
    return {
      verdict: 'invalid',
      problem: `The agent \`${agentName}\` names no bottle.`,
      fix: `Add \`bottle: <name>\` to its manifest, or a label \`${bottlePrefix}<name>\` to the issue.`,
    };
  }
  if (!bottles.has(bottle)) {
    return {
      verdict: 'invalid',
      problem: `There is no bottle \`${bottle}\`.`,
      fix: `${known('bottle', bottles)} Change the label or the agent's manifest, or add \`bottles/${bottle}.md\`.`,
    };
  }
  return { verdict: 'target', agent: agentName, bottle };
}

function suffixes(labels: readonly string[], prefix: string): string[] {
  return [...new Set(labels.filter((label) => label.startsWith(prefix)))].map((label) =>
    label.slice(prefix.length).trim(),
  );
}

function quoted(names: readonly string[], prefix: string): string {
  return names.map((name) => `\`${prefix}${name}\``).join(', ');
}

function known(noun: string, names: Iterable<string>): string {
  const list = [...names].toSorted();
  return list.length === 0
    ? `No ${noun} is known yet.`
    : `Known ${noun}s: ${list.map((name) => `\`${name}\``).join(', ')}.`;
}
