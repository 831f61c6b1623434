/** One thing that must work before the orchestrator is ready, e.g. `temporal`, `worker`, `store`, `forge`, `bottles`. */
export interface HealthCheck {
  readonly name: string;
  /**
   * Resolves with what is wrong, for people and without secrets, or undefined when all is well. A rejection counts as
   * wrong, and so does no answer within 5 s.
   */
  check(): Promise<string | undefined>;
}
