import type { CliRequest, SandboxRequest } from '../bottles/host.ts';
import type { LlmRoute, ProviderName } from '../domain/agent.ts';
import type { BackendName } from '../domain/bottle.ts';
import type { RepositoryRef } from '../domain/issue.ts';
import type { Budget } from '../domain/usage.ts';
import type { AgentCommand } from './provider.ts';

/**
 * The agents and bottles there are, read from their manifests each time: a manifest that is mended counts at once.
 * A repository has agents of its own beside those of this machine; of two with one name this machine's counts.
 * `names` rejects with a `ForgeError` when the repository cannot be read; so does `plan` for an agent that is not this
 * machine's.
 */
export interface Catalogue {
  /** A manifest with a mistake is not among them; its problem is logged. */
  names(repository: RepositoryRef): Promise<{
    readonly agents: ReadonlyMap<string, { readonly bottle: string | undefined }>;
    readonly bottles: ReadonlySet<string>;
  }>;
  /** The bottle's backend; the first that works on this machine where its manifest names none. */
  backendOf(bottle: string): Promise<BackendName>;
  /**
   * What a sandbox is made of. @throws LaunchRefusedError when the manifests no longer have this bottle, or it is broken
   */
  sandboxOf(bottle: string): Promise<SandboxParts>;
  /**
   * What to execute.
   * @throws LaunchRefusedError when the manifests no longer have this agent or bottle, are broken, or do not go together
   */
  plan(agent: string, bottle: string, repository: RepositoryRef): Promise<LaunchPlan>;
}

/** What the bottle's manifest says of the sandbox. */
export interface SandboxParts extends Pick<SandboxRequest, 'limits' | 'tools' | 'image'> {
  /** Of the backend `bot-bottle`. */
  readonly cli?: Omit<CliRequest, 'agent'>;
}

/** Everything that the manifests say of a run. Holds no secret. */
export interface LaunchPlan {
  readonly sandbox: SandboxParts;
  readonly provider: ProviderName;
  /** As the model's server knows it; undefined: the program's own choice. */
  readonly model: string | undefined;
  /** The agent manifest's body. */
  readonly standingPrompt: string;
  /** @param run its prompt, and the conversation to be continued, if there is one */
  command(run: { readonly prompt: string; readonly session: string | undefined }): AgentCommand;
  /** The bottle's own variables; the command's come on top. */
  readonly environment: Readonly<Record<string, string>>;
  /** Longest run; undefined: as long as the orchestrator lets any. */
  readonly timeLimitMs: number | undefined;
  /** Hosts that may be reached; see `LaunchRequest`. */
  readonly egress: readonly string[];
  /** The model routes that the bottle may use, by name. */
  readonly routes: Readonly<Record<string, LlmRoute>>;
  readonly runBudget: Budget;
  readonly issueBudget: Budget;
  /** SHA-256 (hex) over the texts of the manifests that were read for it. */
  readonly digest: string;
}
