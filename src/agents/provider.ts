import type * as z from 'zod';
import type { LlmProtocol, ProviderName } from '../domain/agent.ts';

/**
 * A kind of program that works without a person: how an agent of that kind is described in a manifest, and how it
 * is executed with a prompt. Pure: what it names exists inside the bottle. How its output is read: `output-reader.ts`.
 */
export interface AgentProvider<Keys extends z.ZodRawShape> {
  readonly name: ProviderName;
  /** The manifest's keys that only this provider has. */
  readonly keys: Keys;
  /** The protocols by which it reaches its model, the preferred one first; empty: it has none of its own. */
  readonly protocols: readonly LlmProtocol[];
  /** Whether its program ends a run after so many turns of the model. */
  readonly limitsTurns: boolean;
  /** What to execute in the working copy. */
  command(settings: z.infer<z.ZodObject<Keys>>, context: RunContext): AgentCommand;
}

/** What a run gives its provider. */
export interface RunContext {
  /** The run's prompt, of any length. */
  readonly prompt: string;
  /** Path inside the bottle of a file with the same text. */
  readonly promptFile: string;
  /** As the model's server knows it; undefined: the program's own choice. */
  readonly model: string | undefined;
  /** Added to the program's own, by the manifest. */
  readonly extraArguments: readonly string[];
  /** The conversation of an earlier run of this life, to be continued; undefined: begin one. */
  readonly session: string | undefined;
  /** Undefined: as many as it takes. */
  readonly turnLimit: number | undefined;
  /** The model's server as it is seen inside: `http://127.0.0.1:3128/llm/<route>`; undefined: none is allowed. */
  readonly llm: { readonly url: string; readonly protocol: LlmProtocol } | undefined;
  /** The sidecar's MCP address as it is seen inside. */
  readonly mcpUrl: string;
}

export interface AgentCommand {
  /** Complete argument vector; `argv[0]` is looked up in the bottle's PATH. */
  readonly argv: readonly [string, ...string[]];
  /** Added to the bottle's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Text files to be there when it starts, by path below the home; written anew for each run. */
  readonly files: Readonly<Record<string, string>>;
}
