/** One thing that must work before the orchestrator is ready, e.g. `temporal`, `worker`, `store`, `forge`, `bottles`. */
export interface HealthCheck {
  readonly name: string;
  /**
   * Resolves with what is wrong, for people and without secrets, or undefined when all is well. A rejection counts as
   * wrong, and so does no answer within 5 s.
   */
  check(): Promise<string | undefined>;
}

/** Asks at most once in `ms`, however often it is asked itself: whoever reaches the port may ask for `/readyz`. */
export function remembered({ name, check }: HealthCheck, ms: number): HealthCheck {
  let answer: Promise<string | undefined> | undefined;
  let askedAt = 0;
  return {
    name,
    check() {
      const now = performance.now();
      if (answer === undefined || now - askedAt >= ms) {
        askedAt = now;
        answer = check();
      }
      return answer;
    },
  };
}
