/** Options of the program, which every command understands. */
export interface GlobalOptions {
  /** Path of `orchestrator.toml`. */
  readonly config?: string;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}
