/** Why `fetch` got no answer, which it hides behind "fetch failed". */
export interface FetchFailure {
  /** Of the system, such as ECONNREFUSED. */
  readonly code: string | undefined;
  readonly message: string;
}

export function fetchFailure(error: unknown): FetchFailure {
  if (!(error instanceof Error)) {
    return { code: undefined, message: String(error) };
  }
  const cause = error.cause instanceof Error ? error.cause : error;
  return {
    code: 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined,
    // Where all addresses of a name refuse, the error as a whole has none.
    message: cause.message || error.message,
  };
}
