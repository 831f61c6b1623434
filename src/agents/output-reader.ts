/**
 * Understands what an agent's program prints on stdout. Used by the supervisor: small, and nothing but Node's core.
 *
 * Given any bytes (invalid UTF-8, half lines, a gigabyte without a newline) it neither throws nor grows without bound: what
 * it does not understand goes to the log as it is.
 */
export interface OutputReader {
  /** Takes a chunk of stdout. @returns what the log gets in its place, for people to read; may be empty */
  write(chunk: Buffer): Buffer | string;
  /** Stdout has ended. @returns the rest for the log */
  end(): Buffer | string;
  /** What has been understood until now. */
  readonly facts: AgentFacts;
}

export interface AgentFacts {
  /** Names the conversation, so that a later run can go on with it. */
  readonly session?: string;
  readonly turns?: number;
  /** The last thing that the agent said. */
  readonly message?: string;
  /** The program reported that it failed, in a sentence for people. Counts whatever the exit code is. */
  readonly failure?: string;
  /** The provider's limit is reached; `resetsAt` in epoch milliseconds where it is known. */
  readonly limit?: { readonly resetsAt?: number };
  /** US dollars, by the program's own reckoning. */
  readonly costUsd?: number;
}
