import type * as z from 'zod';

/**
 * A kind of program that works without a person: how an agent of that kind is described in a manifest, and how it
 * is executed with a prompt. Pure: what it names exists inside the bottle.
 */
export interface AgentProvider<Keys extends z.ZodRawShape> {
  /** The manifest's keys that only this provider has. */
  readonly keys: Keys;
  /**
   * What to execute in the working copy.
   * @param promptFile path inside the bottle of the run's prompt
   */
  command(settings: z.infer<z.ZodObject<Keys>>, promptFile: string): AgentCommand;
}

export interface AgentCommand {
  /** Complete argument vector; `argv[0]` is looked up in the bottle's PATH. */
  readonly argv: readonly [string, ...string[]];
  /** Added to the bottle's environment. */
  readonly environment: Readonly<Record<string, string>>;
}
