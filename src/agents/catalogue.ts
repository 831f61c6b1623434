import type { CliRequest, LaunchRequest } from '../bottles/host.ts';
import type { LlmRoute, ProviderName } from '../domain/agent.ts';
import type { BackendName } from '../domain/bottle.ts';
import type { Budget } from '../domain/usage.ts';
import type { AgentCommand } from './provider.ts';

/**
 * The agents and bottles there are, read from their manifests each time: a manifest that is mended counts at once.
 */
export interface Catalogue {
  /** A manifest with a mistake is not among them; its problem is logged. */
  names(): Promise<{
    readonly agents: ReadonlyMap<string, { readonly bottle: string | undefined }>;
    readonly bottles: ReadonlySet<string>;
  }>;
  /** The bottle's backend, `local` where its manifest names none. */
  backendOf(bottle: string): Promise<BackendName>;
  /**
   * What a sandbox is made of. @throws LaunchRefusedError when the manifests no longer have this bottle, or it is broken
   */
  sandboxOf(bottle: string): Promise<SandboxPlan>;
  /**
   * What to execute. @throws LaunchRefusedError when the manifests no longer have this agent or bottle, or are broken
   */
  plan(agent: string, bottle: string): Promise<LaunchPlan>;
}

/** What a bottle's manifest says of its sandbox. */
export interface SandboxPlan extends Pick<LaunchRequest, 'limits' | 'image'> {
  /** Of the backend `bot-bottle`. */
  readonly cli?: Omit<CliRequest, 'agent'>;
}

/** Everything that the manifests say of a run. Holds no secret. */
export interface LaunchPlan {
  readonly provider: ProviderName;
  /** As the agent's manifest names it; undefined: the provider's own choice. */
  readonly model: string | undefined;
  /** The agent manifest's body. */
  readonly standingPrompt: string;
  /** @param run its prompt, and the conversation to be continued, if there is one */
  command(run: { readonly prompt: string; readonly session: string | undefined }): AgentCommand;
  /** The bottle's own variables; the command's come on top. */
  readonly environment: Readonly<Record<string, string>>;
  /** Hosts that may be reached; see `LaunchRequest`. */
  readonly egress: readonly string[];
  /** The model routes that the bottle may use, by name. */
  readonly routes: Readonly<Record<string, LlmRoute>>;
  readonly runBudget: Budget;
  readonly issueBudget: Budget;
  /** SHA-256 (hex) over the texts of the manifests that were read for it. */
  readonly digest: string;
}
