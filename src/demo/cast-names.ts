import { type AgentCliName, agentCliNames } from '../../tools/agent-clis.ts';

/** Who may work in the demo: a program of its own, or the real command line of a coding agent. */
export type DemoAgentName = 'demo' | AgentCliName;
export const demoAgentNames: readonly DemoAgentName[] = ['demo', ...agentCliNames];

/** What its bottle may be. */
export type DemoBackend = 'local' | 'docker';
export const demoBackends: readonly DemoBackend[] = ['local', 'docker'];
